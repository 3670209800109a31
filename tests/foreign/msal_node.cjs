// Signs in with MSAL for Node in each way there is, and lists customers and their orders with each token.
// It runs in a process of its own, finds the emulator by its environment, and prints what it read as JSON.
"use strict";

const msal = require("@azure/msal-node");

const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_AUTHORITY_HOST, PARTNER_CENTER_ENDPOINT } =
    process.env;
const RESOURCE = "https://api.partnercenter.microsoft.com";
const REDIRECT = "http://localhost:5000/callback";

function configuration(more) {
    return {
        auth: {
            clientId: AZURE_CLIENT_ID,
            authority: `${AZURE_AUTHORITY_HOST}/${AZURE_TENANT_ID}`,
            knownAuthorities: [new URL(AZURE_AUTHORITY_HOST).host],
            ...more,
        },
    };
}

async function get(path, token) {
    const answer = await fetch(`${PARTNER_CENTER_ENDPOINT}/v1${path}`, {
        headers: { Authorization: `Bearer ${token}` },
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return (await answer.json()).items;
}

async function orders(token) {
    const found = {};
    for (const { id } of await get("/customers", token))
        found[id] = (await get(`/customers/${id}/orders`, token)).map((order) => order.id);
    return found;
}

function post(url, form) {
    return fetch(url, { method: "POST", body: new URLSearchParams(form), redirect: "manual" });
}

async function main() {
    const told = {};
    const confidential = new msal.ConfidentialClientApplication(configuration({ clientSecret: AZURE_CLIENT_SECRET }));
    const application = await confidential.acquireTokenByClientCredential({ scopes: [`${RESOURCE}/.default`] });
    told.credentials = await orders(application.accessToken);

    const scopes = [`${RESOURCE}/user_impersonation`];
    const { verifier, challenge } = await new msal.CryptoProvider().generatePkceCodes();
    const address = await confidential.getAuthCodeUrl({
        scopes,
        redirectUri: REDIRECT,
        codeChallenge: challenge,
        codeChallengeMethod: "S256",
        state: "here",
        nonce: "once",
        responseMode: "query",
    });
    const back = new URL((await post(address, { decision: "accept" })).headers.get("Location"));
    const user = await confidential.acquireTokenByCode(
        {
            scopes,
            redirectUri: REDIRECT,
            code: back.searchParams.get("code"),
            codeVerifier: verifier,
            state: "here",
            nonce: "once",
        },
        { state: back.searchParams.get("state"), code: back.searchParams.get("code") },
    );
    told.code = await orders(user.accessToken);
    told.user = user.account.username;

    const again = await confidential.acquireTokenSilent({ scopes, account: user.account, forceRefresh: true });
    if (again.accessToken === user.accessToken) throw new Error("the token is the same");
    told.refresh = await orders(again.accessToken);

    const device = await new msal.PublicClientApplication(configuration({})).acquireTokenByDeviceCode({
        scopes,
        deviceCodeCallback: ({ userCode, verificationUri }) =>
            post(verificationUri, { user_code: userCode, decision: "accept" }),
    });
    told.device = await orders(device.accessToken);

    const wrong = new msal.ConfidentialClientApplication(configuration({ clientSecret: "wrong" }));
    told.wrong = await wrong
        .acquireTokenByClientCredential({ scopes: [`${RESOURCE}/.default`] })
        .catch((error) => error.errorMessage);
    console.log(JSON.stringify(told));
}

main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
});
