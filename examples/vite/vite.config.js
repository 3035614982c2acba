import { defineConfig } from 'vite';
import { greeting } from './api.js';

const use = ({ middlewares }) => void middlewares.use('/api/greeting', greeting);

export default defineConfig({
  server: { host: '127.0.0.1', port: Number(process.env.PORT ?? 5173) },
  plugins: [{ name: 'api', configureServer: use, configurePreviewServer: use }],
});
