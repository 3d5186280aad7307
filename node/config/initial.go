package config

import (
	"fmt"
	"strings"
)

// Initial is a node.toml that parses as it stands: what a department has to add is commented out, and
// without it a node founds no network.
func Initial(name, role, listen, parameters string) string {
	joins := "# joins = true"
	if parameters == joined {
		joins = "joins = true"
	}
	return fmt.Sprintf(configTemplate, tomlString(name), tomlString(role), NetworkFile, tomlString(listen), tomlString(IdentityFile),
		tomlString(parameters), joins)
}

const configTemplate = `# One department's node. Relative paths are taken from this file's folder. Unknown keys are errors.

# The department's name, as the others and all persons see it.
name = %s

# "department", or "auditor": a validator of the ledger that holds no tables and has no share of any key.
role = %s

# The units above the department, the highest first, as the catalogue shows them.
# under = "Jiangsu/Nanjing"

# Everything that the node stores: its ledger, its journal, ciphertexts, %s. Never restore it from a backup:
# a restored journal could make a second share of a secret.
dir = "data"

# The address to listen on: /ip4/ADDRESS/tcp/PORT, or /ip6/...
listen = %s

# The node's secret key, readable by its own user only.
identity = %s

# The departments, a line each, as parley init prints it. All nodes of a new network list the same ones; this node's own
# line may stand here or be left out. A bare "/p2p/PEER-ID" is a department that dials this one. After the first start
# only the addresses matter: who belongs to the network is decided by votes on its ledger.
peers = [
#  "/ip4/192.0.2.10/tcp/4001/p2p/12D3KooW...",
]

# The auditors, likewise.
auditors = [
#  "/ip4/192.0.2.20/tcp/4001/p2p/12D3KooW...",
]

# A network of this one department, for trying things out. Without it, a node that names no others does not start.
# alone = true

# A node that comes to a network that has run before: the description that any of its nodes keeps as genesis.json.
# genesis = "genesis.json"

# With genesis: a block of that network, from somebody you believe; parley ledger head prints one. Without it, keys that
# left long ago could show this node another ledger.
# trust = "BLOCK:HASH"

# Who may ask is not said here: a department vouches for its persons (parley people add), and the stewards of each publish who is
# answered about what (parley policy publish). This node lets in whoever any department vouches for, and besides these peers, such as
# a person for whom nobody vouches yet; it may be empty. parley node reload has a running node read this file again, and says
# what has changed.
analysts = [
#  "12D3KooW...",
]

# "default"; "light": faster, and not for private data; or "joined", with joins = true, for sums over joins across
# departments of many persons: every question then costs more. The same in all departments.
parameters = %s

# Whether the network answers questions that join tables of different departments by persons: it is founded with the keys of
# their proofs, at default 390 MB in place of 75. The same in all nodes, and decided for good at the founding.
%s

# How long one query may take before it ends without an answer.
# deadline = "2m"

# How many blocks of the ledger are kept; 0 keeps all. Records and receipts are always kept.
# retain = 0

# How long ciphertexts and proofs are kept after their query, for those who check.
# retention = "168h"

# Where Prometheus may fetch /metrics, and anybody /health.
# metrics = "127.0.0.1:9464"

# Shadow mode: of each question that this department would have answered it writes down what it would have sent, sends
# nothing, and refuses. parley shadow shows it. With shadow_values the cells' values are written too, which are secret.
# shadow = true
# shadow_values = true

# Whom the node tells of each new alert on the ledger, as JSON: a command, which reads it on its standard input and which no
# shell reads, a web service over HTTPS (or on this machine), or both. tables names those whose alerts are told; all otherwise.
# secret_file (mode 0600) holds what the service knows this node by. A restart puts a change here in force.
# [alerts]
# command = ["/usr/local/bin/notify", "relapse"]
# webhook = "https://example.org/alerts"
# secret_file = "webhook.secret"
# tables = ["claims"]
# timeout = "30s"

# The tables that questions may name. The files of one table together are one relation: .csv, .tsv (or .csv.gz,
# .tsv.zst, ...), .xlsx, .parquet, .arrow, .ipc, .feather, or a glob. Only an unquoted empty field of a CSV file is NULL; null adds other spellings.
# header says whether the first line of CSV files names the columns: "yes", "no" (they are called c1, c2, ...), or
# "auto", which refuses a file where that cannot be told. columns names the columns that are read; without it all
# are, and one that cannot be read is set aside. delimiter ("tab", ";"), quote ("none"), decimal (","), thousands ("."),
# comment ("#") and skip (lines before the header) say how text files are laid out, sheet and
# range ("B3:H200") what is read of an Excel workbook.
# [[table]]
# name = "heart"
# files = ["tables/heart.csv"]
# null = ["NA", "?"]
# encoding = "utf-8"
# header = "auto"
# columns = ["age", "sex", "chol"]
# For the catalogue: title, description, owner, manager, item (of the national catalogue), sensitivity ("general-1" to
# "general-4", "important", "core") and class ("none", "on-condition", "unconditional"). A table without a class is not shared; class = "..." at
# the top of this file is that of tables that say none.
# key lists columns that tell rows apart, or name persons, of whom each then has at most rows_per_person rows;
# rows_per_key says the same of keys where some rows have none.
# title = "Heart patients"
# owner = "Health Commission"
# class = "on-condition"
# Persons whom other departments know: key names them, spine publishes their tokens as the network's list of persons, of and of_department place
# them on that department's spine of that name. The department answers on a version of it only if at least least_placed percent of its keys are
# there, and at most most_changed percent came or went since the version before. parley linkage explain says what all that reveals. No tokens
# are drawn before the departments' stewards say how many may be.
# key = ["person_id"]
# spine = true
# of = "population"
# of_department = "civil"
# least_placed = 50
# most_changed = 10

# A column is private until it is declared: the others learn its name and type, and a question may count and compare it.
# dictionary publishes its different values, so that it can be grouped by; bounds = "measured" the least and the greatest,
# so that it can be added up; min and max publish others. codes is a list of values that is public by itself. parley
# describe FILE prints these lines for a file. Beside them stands what is not to be inferred: the name in the table (as),
# type, unit, and others. A value that is not as declared refuses the table; outside = "count" with dictionary = true beside
# codes has values that are none of them counted, and published, instead. drift = true publishes how far the shares of a
# dictionary's values have moved since the version before, in whole percent.
# [[table.column]]
# name = "born"
# as = "birth_date"
# type = "date"
# format = "d/m/y"
# bounds = "measured"
# [[table.column]]
# name = "ward"
# title = "Ward of admission"
# dictionary = true
# drift = true
# [[table.column]]
# name = "income"
# type = "decimal"
# scale = 2
# unit = "EUR"
# null = ["-"]
# min = 0
# max = 1000000
# [[table.column]]
# name = "sex"
# codes = { 1 = "male", 2 = "female" }
`

// tomlString quotes s as a basic string of TOML.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
