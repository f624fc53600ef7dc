/** Folders with a dot in front are not published: nobody's file is hidden by it. */
export const HEALTH_PATH = '/.tinyforge/health';
/** In the image: files that never change under their name, and all others. */
export const HASHED_ROOT = '/srv/hashed';
export const SITE_ROOT = '/srv/site';

const ASSET =
  'avif|css|gif|ico|jpe?g|js|json|map|mjs|mp[34]|ogg|otf|pdf|png|svg|ttf|txt|wasm|webm|webmanifest|webp|woff2?|xml|zip';

/** For Caddy 2.6 and later. Validators are ETags alone: times in an image say nothing. */
export function caddyfile({ port, spaFallback }: { readonly port: number; readonly spaFallback: boolean }): string {
  const fallback = `
		@page {
			not file
			not path_regexp (?i)\\.(${ASSET})$
		}
		rewrite @page /index.html`;
  return `{
	admin off
	auto_https off
	log {
		level ERROR
	}
}

:${port} {
	root * ${SITE_ROOT}
	route {
		respond ${HEALTH_PATH} 200
		request_header -If-Modified-Since
		encode gzip
		header {
			X-Content-Type-Options nosniff
			-Last-Modified
			-Server
			defer
		}
		@hashed file {
			root ${HASHED_ROOT}
		}
		handle @hashed {
			root * ${HASHED_ROOT}
			header Cache-Control "public, max-age=31536000, immutable"
			file_server
		}
		header Cache-Control no-cache
		try_files {path} {path}/ {path}.html${spaFallback ? fallback : ''}
		file_server
	}
	handle_errors {
		root * ${SITE_ROOT}
		header Cache-Control no-cache
		@own file {
			try_files /404.html
		}
		handle @own {
			rewrite * /404.html
			file_server {
				status {http.error.status_code}
			}
		}
		respond "{http.error.status_code} {http.error.status_text}" {http.error.status_code}
	}
}
`;
}
