// A certified OpenID Connect provider for the tests, on a port of loopback over TLS.
// In: JSON on the command line: port, key, certificate, client_id, client_secret, redirect_uri, people.
// Out: the line "ready" once it listens. Any password will do; a person's claims are those of `people`.
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { Provider } from 'oidc-provider';

const given = JSON.parse(process.argv[2]);
// Entra ID's issuers have a path, and the client library knows no others.
const path = '/tenant';
const issuer = `https://127.0.0.1:${given.port}${path}`;
const claimsOf = (login) => given.people[login] ?? {};
const provider = new Provider(issuer, {
  clients: [{
    client_id: given.client_id,
    client_secret: given.client_secret,
    redirect_uris: [given.redirect_uri],
    post_logout_redirect_uris: [given.signed_out_uri],
    response_types: ['code'],
    grant_types: ['authorization_code'],
  }],
  pkce: { required: () => true },
  claims: { openid: ['sub', 'groups'], profile: ['name', 'preferred_username'], email: ['email'] },
  // Entra ID puts the claims into the ID token, too.
  conformIdTokenClaims: false,
  cookies: { keys: ['tests'] },
  findAccount: (_context, login) => ({
    accountId: login,
    claims: () => ({ sub: login, ...claimsOf(login) }),
  }),
});

const answer = provider.callback();
https.createServer({ key: readFileSync(given.key), cert: readFileSync(given.certificate) }, (request, response) => {
  request.originalUrl = request.url;
  request.url = request.url.replace(path, '') || '/';
  answer(request, response);
}).listen(given.port, '127.0.0.1', () => console.log('ready'));
