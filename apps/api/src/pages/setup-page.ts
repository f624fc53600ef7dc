export const SETUP_PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="referrer" content="no-referrer" />
    <title>Set up Tiny Forge</title>
    <link rel="stylesheet" href="/setup/setup.css" />
  </head>
  <body>
    <main>
      <h1>Set up Tiny Forge</h1>
      <form id="form">
        <p>Make the first admin. The link that you opened works once, for an hour.</p>
        <label for="name">Name</label>
        <input id="name" name="name" autocomplete="username" required maxlength="100" />
        <label for="password">Password, at least 10 characters</label>
        <input id="password" name="password" type="password" autocomplete="new-password" required minlength="10" maxlength="1024" />
        <button>Make the admin</button>
      </form>
      <p id="problem" role="alert" hidden></p>
      <section id="done" hidden aria-live="polite">
        <h2>Done, and signed in</h2>
        <p>This is your first API token. It is shown this once: keep it.</p>
        <pre id="token"></pre>
        <p>Try it:</p>
        <pre id="curl"></pre>
        <p><a href="/docs">Read what the API can do</a>.</p>
      </section>
      <noscript>This page needs JavaScript. POST { code, name, password } to /api/setup does the same.</noscript>
    </main>
    <script src="/setup/setup.js" type="module"></script>
  </body>
</html>
`;

export const SETUP_STYLE = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; }
main { max-width: 32rem; margin: 10vh auto; padding: 0 1rem; }
label { display: block; margin-top: 1rem; font-weight: 600; }
input { box-sizing: border-box; width: 100%; padding: 0.5rem; font: inherit; }
button { margin-top: 1.5rem; padding: 0.5rem 1.5rem; font: inherit; cursor: pointer; }
pre { padding: 0.75rem; overflow-x: auto; border: 1px solid currentcolor; border-radius: 4px; user-select: all; }
#problem { padding: 0.75rem; border: 2px solid #c62828; border-radius: 4px; }
`;

/** The code stands behind the #, which no browser sends: it reaches no log on its way. */
export const SETUP_SCRIPT = `const at = (id) => document.getElementById(id);
const code = new URLSearchParams(location.hash.slice(1)).get('code');
history.replaceState(null, '', location.pathname);

function tell(text) {
  at('problem').textContent = text;
  at('problem').hidden = text === '';
}

if (code === null) tell('This link has no code. Open the whole link that Tiny Forge printed when it started.');

at('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const button = at('form').querySelector('button');
  button.disabled = true;
  tell('');
  try {
    const answer = await fetch('/api/setup', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code: code ?? '-', name: at('name').value, password: at('password').value }),
    });
    const body = await answer.json();
    if (!answer.ok) return tell(body.detail);
    at('token').textContent = body.token;
    at('curl').textContent = "curl -H 'Authorization: Bearer " + body.token + "' " + location.origin + '/api/workloads';
    at('form').hidden = true;
    at('done').hidden = false;
  } catch {
    tell('Tiny Forge did not answer. Check that it runs, then try again.');
  } finally {
    button.disabled = false;
  }
});
`;
