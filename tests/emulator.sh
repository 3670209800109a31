#!/bin/sh
# A client in another language, against: partnercenter emulator --data emulator.data.json --faults emulator.faults.json
# It takes from the environment what that prints, and needs sh and curl. Exits 1 where an answer is another.
set -eu

checks=0

# call METHOD PATH [CURL'S ARGUMENTS...]: the answer's status in $status, its body in $body
call() {
    method=$1 path=$2
    shift 2
    body=$(curl --silent --show-error --noproxy '*' --cacert "$SSL_CERT_FILE" --max-time 30 --request "$method" \
        --write-out '\n%{http_code}' --header "Authorization: Bearer ${token:-none}" "$@" \
        "$PARTNER_CENTER_ENDPOINT$path")
    status=${body##*"
"}
    body=${body%"
"*}
}

# answers STATUS [TEXT...]: the answer has this status, and these texts in its body
answers() {
    checks=$((checks + 1))
    [ "$status" = "$1" ] || fail "status $1"
    shift
    for text; do
        case $body in
            *"$text"*) ;;
            *) fail "$text" ;;
        esac
    done
}

fail() {
    echo "$checks: $method $path answered $status $body, and not: $1" >&2
    exit 1
}

# member NAME: the text of the first member of that name in the body
member() {
    printf '%s' "$body" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}

call GET /v1/customers/c-1
answers 401

call POST "/$AZURE_TENANT_ID/oauth2/v2.0/token" --data-urlencode grant_type=client_credentials \
    --data-urlencode "client_id=$AZURE_CLIENT_ID" --data-urlencode "client_secret=$AZURE_CLIENT_SECRET" \
    --data-urlencode scope=https://api.partnercenter.microsoft.com/.default
answers 200 '"token_type":"Bearer"'
token=$(member access_token)

# The fault of the file, once.
call GET /v1/customers
answers 503 '"code":800003'

call GET '/v1/customers?size=1'
answers 200 '"id":"c-1"' '"companyName":"Contoso"' '"next":{'

# A next link: its address and its header.
next=${body#*'"next":{'}
next=${next%%'}]'*}
body=$next
uri=$(member uri)
value=$(member value)
call GET "/v1$uri" --header "MS-ContinuationToken: $value"
answers 200 '"id":"c-2"' '"companyName":"Fabrikam"'

call GET '/v1/customers/c-1/orders/o-1?include_price=true'
answers 200 '"currencyCode":"EUR"' '"totalPrice":12.50' '"quantity":3'

call GET /v1/customers/nobody/orders
answers 403 '"code":20002'

call GET /v1/customers/c-1/orders/nothing
answers 404 '"code":20000'

call GET /v1/customers/c-1/orders/o-1/provisioningstatus
answers 403 '"code":900329'

call GET /v1/nothing/here
answers 501

call GET /v1/customers/c-2/agreements/a-1
answers 200 '"type":"MicrosoftCustomerAgreement"'

# Faults, replaced while it serves.
call POST /emulator/faults \
    --data '[{"action": "service_error", "status": 409, "code": 5, "description": "Taken.", "pascal_case": true}]'
answers 200 '"met":0'
call GET /v1/customers/c-1
answers 409 '"Code":5' '"Description":"Taken."'
call POST /emulator/faults --data '[{"action": "dela"}]'
answers 400 'body:1: [0].action' 'delay'
call GET /emulator/faults
answers 200 '"met":1'
call DELETE /emulator/faults
answers 200 '[]'
call GET /v1/customers/c-1
answers 200 '"id":"c-1"'

echo "$checks answers are as they should be"
