#!/usr/bin/env bash
# What psql can do at Parley's PostgreSQL door. Prints a line an ability: its name, yes or no, and a reason, with tabs
# between them. PARLEY_DOORS and PARLEY_WRONG_CA are as for client.py; needs python3 to read JSON.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
heard=$(mktemp)
trap 'rm -f "$heard"' EXIT
export PSQLRC=/dev/null PAGER=cat LC_ALL=C.UTF-8 PGCONNECT_TIMEOUT=10

# One call of Python, for it is slow to start: all texts, and the door's URL with one thing changed.
eval "$(python3 -I -S - "$here/abilities.json" "$PARLEY_DOORS" "$PARLEY_WRONG_CA" <<-'END'
	import json, shlex, sys, urllib.parse as u
	texts, doors, wrong = json.load(open(sys.argv[1])), json.load(open(sys.argv[2])), sys.argv[3]
	p = u.urlsplit(doors["postgres"])
	def changed(name=p.username, word=p.password, **options):
	    query = u.urlencode({**dict(u.parse_qsl(p.query)), **options}, quote_via=u.quote)
	    return f"{p.scheme}://{name}:{word}@{p.hostname}:{p.port}{p.path}?{query}"
	urls = {"url": doors["postgres"], "plain": changed(sslmode="disable"), "required": changed(sslmode="require"),
	        "verified": changed(sslmode="verify-full"), "wrong_ca": changed(sslrootcert=wrong), "wrong_password": changed(name="psql", word="no")}
	for name, value in {**urls, **{"text_" + k: v for k, v in texts.items()}}.items():
	    print(f"{name}={shlex.quote(str(value))}")
END
)"
ask() { timeout 60 psql -X -w -A -t -v ON_ERROR_STOP=1 "$url" "$@" 2>&1; }

# report ABILITY COMMAND... says no with what the command printed where it fails, and yes with what it printed to file 3 otherwise.
report() {
	local ability=$1 said status reason
	shift
	reason=$(mktemp)
	said=$("$@" 3>"$reason")
	status=$?
	if [ "$status" = 0 ]; then
		printf '%s\tyes\t%s\n' "$ability" "$(tr -s ' \n' ' ' <"$reason")"
	else
		printf '%s\tno\t%s\n' "$ability" "$(tr -s ' \n\t' ' ' <<<"$said" | cut -c1-300)"
	fi
	rm "$reason"
}
says() { # says PATTERN COMMAND...
	local pattern=$1 said
	shift
	said=$("$@")
	printf '%s\n' "$said"
	grep -q -e "$pattern" <<<"$said"
}
connects() { timeout 20 psql -X -w -A -t "$1" -c 'SELECT 1' 2>&1; }
question() { # what is said beside it is kept for the ability after it
	local said
	said=$(timeout 150 psql -X -w -A -t -F, -v ON_ERROR_STOP=1 "$url" -c "$text_question" 2>"$heard") || { cat "$heard"; return 1; }
	printf '%s\n' "$said"
	awk -F, 'NF == 6 { printf "%s%s,%s,%d,%d,%.4f,-", (n++ ? "; " : ""), $1, $2, $3, $4, $5 }' <<<"$said" >&3
}
copied() { # \copy writes as many lines as there are rows
	local out
	out=$(mktemp)
	ask -c "\\copy ($text_rows) TO '$out' WITH (FORMAT csv)" && [ "$(wc -l <"$out")" = "$(ask -c "$text_rows" | wc -l)" ]
	local status=$?
	rm "$out"
	return "$status"
}
fetched() { # the same rows by a cursor, seven at a time
	[ "$(ask -v FETCH_COUNT=7 -c "$text_rows" -f /dev/null; ask -v FETCH_COUNT=7 <<<"$text_rows;" | md5sum)" = "$(ask -c "$text_rows" -f /dev/null; ask <<<"$text_rows;" | md5sum)" ]
}
transaction() {
	says '25P02' steps -v VERBOSITY=sqlstate -c BEGIN -c 'SAVEPOINT a' -c 'SELECT nosuch' -c 'SELECT 1' -c 'ROLLBACK TO a' -c 'SELECT 1' -c COMMIT
}
rolled() { says '^1$' steps -v ON_ERROR_ROLLBACK=on -c BEGIN -c 'SELECT nosuch' -c 'SELECT 1' -c COMMIT; }
steps() { timeout 20 psql -X -w -A -t "$url" "$@" 2>&1; }
verbose() { timeout 60 psql -X -w -v VERBOSITY=verbose "$url" -c "$1" 2>&1; }
cancelled() {
	local began=$SECONDS said
	said=$(timeout -s INT 2 psql -X -w "$url" -c "$text_sleep" 2>&1)
	printf '%s\n' "$said"
	grep -q 'cancel' <<<"$said" && [ "$((SECONDS - began))" -lt 10 ]
}
fails() { ! "$@"; }
refusal() { says "$1" verbose "$2" | says "${3:-.}" cat; }

report connect connects "$url"
report 'plain refused' says 'no encryption\|TLS\|SSL' fails connects "$plain"
report 'TLS required' connects "$required"
report 'TLS verified' connects "$verified"
report 'wrong CA' says 'certificate verify failed' fails connects "$wrong_ca"
report 'wrong password' says 'password authentication failed' fails connects "$wrong_password"
report tables says register ask -c '\dt'
report describe says 'birth_date.*date' ask -c '\d register'
report comments says '^asked|.*[a-z]' ask -F'|' -c '\d+ parley.answers'
report question question
report notices says NOTICE cat "$heard"
report certificate says '^[0-9]' ask -c 'SELECT length(certificate) FROM parley.answers LIMIT 1'
report types says '^9007199254740993|12345.678900|naïve, 中文|2024-02-29|t|0.1|2024-02-29 12:00:00+00|$' ask -c "$text_literals"
report prepared says 'answers' ask -c "PREPARE p(text) AS ${text_relations/'{1}'/\$1}" -c "EXECUTE p('parley')"
report explain says . ask -c "EXPLAIN $text_question"
report copy copied
report transactions transaction
report savepoints rolled
report cursor fetched
report 'error position' says '\^' verbose "$text_unknown"
report refusal refusal '0A000\|42501' "$text_withheld" HINT
report cancel cancelled
