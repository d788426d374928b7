import { toolPath } from '../../deploy/local/tools/tool-path.ts';

/** Path of the definitions of Gateway API 1.4: its experimental XListenerSet in place of ListenerSet, and ReferenceGrant in v1beta1 alone. */
export const olderGatewayApi = (): string => toolPath('older-gateway-api-crds');
