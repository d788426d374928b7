/** Label of every object that kube-lego created. */
export const managedByLabel = { key: 'app.kubernetes.io/managed-by', value: 'kube-lego' } as const;
/** Selector for that label. */
export const ourSelector = `${managedByLabel.key}=${managedByLabel.value}`;
/** Our name in `managedFields`. */
export const fieldManager = 'kube-lego';
