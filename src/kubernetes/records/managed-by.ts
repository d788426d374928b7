/** Marks every object that kube-lego made. */
export const managedByLabel = { key: 'app.kubernetes.io/managed-by', value: 'kube-lego' } as const;
/** Selects what bears the mark. */
export const ourSelector = `${managedByLabel.key}=${managedByLabel.value}`;
/** The name under which our fields are kept apart from others' in `managedFields`. */
export const fieldManager = 'kube-lego';
