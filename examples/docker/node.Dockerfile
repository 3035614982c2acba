# A bot in Node that is started with its secrets.
FROM node:24-bookworm-slim
COPY keyfall.tgz /tmp/
RUN npm install --global /tmp/keyfall.tgz && rm /tmp/keyfall.tgz
WORKDIR /srv/shop
COPY . .
USER 1000
ENTRYPOINT ["keyfall", "--token-helper", "run", "--"]
CMD ["node", "run.mjs"]
