export { type ExecProviderOptions, execProvider } from './exec-provider.ts';
