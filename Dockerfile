# One image, every app: docker run … node dist/apps/<app>/src/main.js
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Optional packages bring Node and Postgres to hosts without them: this image has the one and is given the other.
RUN npm ci --omit=optional
COPY tsconfig.json tsconfig.build.json ./
COPY tools ./tools
COPY apps ./apps
COPY libs ./libs
RUN node tools/build.mjs && npm prune --omit=dev --omit=optional

FROM docker/compose-bin:v2.40.3 AS compose

FROM node:24-bookworm-slim
ENV NODE_ENV=production TINYFORGE_DATA_DIR=/var/lib/tiny-forge
WORKDIR /app
RUN install -d -o node -g node /var/lib/tiny-forge /var/lib/tiny-forge/routes
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# For the compose source: the deploy worker runs it.
COPY --from=compose /docker-compose /usr/local/bin/docker-compose
USER node
STOPSIGNAL SIGTERM
CMD ["node", "dist/apps/api/src/main.js"]
