export type { KubernetesProviderOptions } from './kubernetes-provider.ts';
export { kubernetesProvider } from './kubernetes-provider.ts';
