export { __camel__Provider, type __Pascal__ProviderOptions } from './__id__-provider.ts';
