// Package config is node.toml: how it is read, checked and written, and the names of the files that
// a node keeps (node/README.md sections 6 and 11.1). It opens no table.
package config

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"parley/datasets"
	"parley/datasets/files"
	"parley/datasets/published"
	"parley/datasets/served"
	"parley/engine"
	"parley/node/failure"
	"parley/node/ledger"
)

// The roles of a node.
const (
	RoleDepartment = "department"
	RoleAuditor    = "auditor"
)

// DefaultRetention is how long blobs are kept that no open query needs, for
// auditors and for nodes that were away.
const DefaultRetention = 7 * 24 * time.Hour

// Config is one department's node.toml, parsed and with its relative paths
// resolved against the file's folder. Run checks every field again.
type Config struct {
	// Name is the department's name, as the others and the analysts see it.
	Name string
	// Place is where the department stands in the hierarchy: the units above it, the highest first. It is
	// published with its tables.
	Place []string
	// Dir holds everything that the node stores, mode 0700. One running node
	// a folder: a second one is refused.
	Dir string
	// Listen is the multiaddr to listen on, "/ip4/0.0.0.0/tcp/4001". Port 0
	// takes a free port and tells it through Options.Listening.
	Listen string
	// Identity is the path of the ed25519 key file (CreateIdentity). Empty:
	// identity.key in Dir, which must exist.
	Identity string
	// Peers are the other departments' multiaddrs, each ending in /p2p/ID. A
	// bare "/p2p/ID" names a department that will dial this one. Together
	// with this node's identity they are the network's members: the same set
	// on every node, or the nodes refuse each other.
	Peers []string
	// Auditor is a validator of the ledger that holds no rows: it checks what
	// the departments do, and has no share of any key.
	Auditor bool
	// Auditors are the other auditors' multiaddrs, as Peers.
	Auditors []string
	// Alone is set for a network of this one department, with no Peers and no
	// Auditors: without it none is founded, since who has not named the others
	// yet would be in another network than they.
	Alone bool
	// Genesis is the description of a network that has run before this node
	// came to it. Empty: Peers and Auditors are the network, from its
	// beginning.
	Genesis string
	// Trust is a block of the network that this node comes to, "BLOCK:HASH" as
	// parley ledger head prints them: no ledger without it is taken for the
	// network's. Required with Genesis, empty without.
	Trust string
	// Analysts are the peer ids that are let in besides those for whom a department vouches.
	Analysts []string
	// Parameters is one of ParameterSets.
	Parameters string
	// Joins is set where the network answers joins across departments: it is
	// founded with the keys of their proofs. The same in all nodes.
	Joins bool
	// Tables are the department's own; nobody else's files are ever opened.
	Tables []Table
	// Deadline bounds each query, however long its analyst would wait. Zero:
	// as long as the analyst would.
	Deadline time.Duration
	// Retain is how many blocks of the ledger are kept; receipts and records
	// always are. Zero keeps all.
	Retain uint64
	// Retention is how long blobs are kept after their query; zero is
	// DefaultRetention.
	Retention time.Duration
	// Shadow is set of a department that answers nothing of its own rows: of each question that it would have answered
	// it writes down what it would have sent. ShadowValues has it write the cells' values too.
	Shadow, ShadowValues bool
	// Metrics is where Prometheus may fetch /metrics, and anybody /health,
	// "127.0.0.1:9464". Empty: at the operator's own door only.
	Metrics string
	// Alerts says whom the node tells of alerts; nil: nobody.
	Alerts *Alerts
	// Path is the node.toml that Load read this from: errors name it, with the line.
	// Empty: none.
	Path string

	places places // of the keys in it
}

// Table is one table: its files together are one relation.
type Table struct {
	Name     string
	Files    []string
	Null     []string // further spellings of NULL in CSV
	Encoding string   // of CSV; empty is UTF-8
	Header   string   // whether the first line of CSV names the columns: "yes", "no", or "auto", which is the default
	Columns  []string // that are read; empty: all, and one that cannot be read is set aside
	Declared []FileColumn
	About
	// Source is where the table is in place of Files; without a Source of its own, nowhere.
	Source served.Options
	files.Format
}

// Reading says how the table's files are read.
func (c Table) Reading() datasets.Options {
	return datasets.Options{Null: c.Null, Encoding: c.Encoding, Header: c.Header, Columns: c.Columns, Declared: c.declarations(), Format: c.Format}
}

// MaxBytes is far above any real node.toml; a larger file is not one.
const MaxBytes = 1 << 20

// ParameterSets are the sets that a network of nodes may use. Joined is for sums over joins across departments of many
// persons.
var ParameterSets = []string{"default", "light", joined}

const joined = "joined"

// CheckJoins refuses the parameter set joined for a network that answers no joins.
func CheckJoins(parameters string, joins bool) error {
	if parameters == joined && !joins {
		return errors.New(`parameters = "joined" are for a network that answers joins across departments, and joins is not set`)
	}
	return nil
}

// File is node.toml as it is written (README section 11.1). Its keys are the only ones.
type File struct {
	Name       string      `toml:"name"`
	Under      string      `toml:"under,omitempty"`
	Class      string      `toml:"class,omitempty"`
	Dir        string      `toml:"dir"`
	Listen     string      `toml:"listen"`
	Identity   string      `toml:"identity"`
	Role       string      `toml:"role,omitempty"`
	Genesis    string      `toml:"genesis,omitempty"`
	Trust      string      `toml:"trust,omitempty"`
	Peers      []string    `toml:"peers"`
	Auditors   []string    `toml:"auditors,omitempty"`
	Alone      bool        `toml:"alone,omitempty"`
	Analysts   []string    `toml:"analysts"`
	Parameters string      `toml:"parameters"`
	Joins      bool        `toml:"joins,omitempty"`
	Deadline   string      `toml:"deadline,omitempty"`
	Retain     uint64      `toml:"retain,omitempty"`
	Retention  string      `toml:"retention,omitempty"`
	Metrics    string      `toml:"metrics,omitempty"`
	Shadow     bool        `toml:"shadow,omitempty"`
	Values     bool        `toml:"shadow_values,omitempty"`
	Alerts     *FileAlerts `toml:"alerts,omitempty"`
	Tables     []FileTable `toml:"table"`
}

type FileTable struct {
	Name     string   `toml:"name"`
	Files    []string `toml:"files,omitempty"`
	Null     []string `toml:"null,omitempty"`
	Encoding string   `toml:"encoding,omitempty"`
	Header   string   `toml:"header,omitempty"`
	Columns  []string `toml:"columns,omitempty"`
	About

	Source       string `toml:"source,omitempty"`
	Table        string `toml:"table,omitempty"`
	Query        string `toml:"query,omitempty"`
	PasswordFile string `toml:"password_file,omitempty"`
	PasswordEnv  string `toml:"password_env,omitempty"`
	Timeout      string `toml:"timeout,omitempty"`
	Version      string `toml:"version,omitempty"`
	VersionQuery string `toml:"version_query,omitempty"`

	Declared []FileColumn `toml:"column,omitempty"`
	files.Format
}

// Load reads a node.toml. Unknown keys, wrong types and missing values are errors that name the file, the line
// and the key, and the nearest known key. Relative paths are taken from the file's folder; globs in files are
// expanded, in sorted order. It opens no table.
func Load(path string) (Config, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > MaxBytes {
		return Config{}, failure.Usage("config", "", "%s is larger than a node.toml may be (%d bytes)", path, MaxBytes)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, failure.Unreadable("config", path, err)
	}
	var file File
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&file); err != nil {
		return Config{}, Failure(path, text, err)
	}
	base, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return Config{}, failure.Unreadable("config", path, err)
	}
	cfg, problem := file.resolve(base)
	cfg.Path = path
	cfg.places, _ = placesIn(text)
	if problem != nil {
		problem.File, problem.Status = path, failure.StatusUsage
		problem.Code, problem.Line = "config", cfg.places.of(problem.Column)
		problem.Column = indexes.ReplaceAllString(problem.Column, "")
		return Config{}, problem
	}
	return cfg, nil
}

// resolve checks what can be checked without touching anything but file names. The failure's Column is the key.
func (f File) resolve(base string) (Config, *failure.Failure) {
	cfg := Config{Name: f.Name, Listen: f.Listen, Peers: f.Peers, Auditors: f.Auditors, Alone: f.Alone, Analysts: f.Analysts,
		Parameters: f.Parameters, Joins: f.Joins, Trust: f.Trust, Retain: f.Retain, Metrics: f.Metrics, Shadow: f.Shadow, ShadowValues: f.Values}
	for _, required := range []struct{ key, value string }{
		{"name", f.Name}, {"dir", f.Dir}, {"listen", f.Listen}, {"parameters", f.Parameters},
	} {
		if required.value == "" {
			return cfg, missingKey(required.key)
		}
	}
	if !slices.Contains(ParameterSets, f.Parameters) {
		return cfg, &failure.Failure{Column: "parameters",
			Message: fmt.Sprintf(`parameters = %q: it is "default", "light" or "joined"`, f.Parameters)}
	}
	if err := CheckJoins(f.Parameters, f.Joins); err != nil {
		return cfg, &failure.Failure{Column: "parameters", Message: err.Error(), Hint: "write joins = true in the node.toml of every member"}
	}
	if f.Role != "" && f.Role != RoleDepartment && f.Role != RoleAuditor {
		return cfg, &failure.Failure{Column: "role", Message: fmt.Sprintf(`role = %q: it is "department" or "auditor"`, f.Role)}
	}
	if cfg.Auditor = f.Role == RoleAuditor; cfg.Auditor && len(f.Tables) > 0 {
		return cfg, &failure.Failure{Column: "table", Message: "an auditor has no tables"}
	}
	switch {
	case f.Shadow && cfg.Auditor:
		return cfg, &failure.Failure{Column: "shadow", Message: "an auditor has no rows to answer from, and no shadow mode"}
	case f.Values && !f.Shadow:
		return cfg, &failure.Failure{Column: "shadow_values", Message: "shadow_values is of a department in shadow mode", Hint: "write shadow = true beside it"}
	}
	var err error
	if cfg.Place, err = engine.ParsePlace(f.Under); err != nil {
		return cfg, &failure.Failure{Column: "under", Message: fmt.Sprintf("under = %q %s", f.Under, err), Hint: `the units above the department, the highest first: under = "Jiangsu/Nanjing"`}
	}
	if fault := published.GradeFault("", f.Class); fault != nil {
		return cfg, &failure.Failure{Column: fault.Key, Message: fault.Message, Hint: fault.Hint}
	}
	cfg.Dir = Resolve(base, f.Dir)
	if f.Genesis != "" {
		cfg.Genesis = Resolve(base, f.Genesis)
	}
	if _, err := TrustedBlock(cfg); err != nil {
		return cfg, &failure.Failure{Column: "trust", Message: err.Error(), Hint: trustHint}
	}
	if f.Identity != "" {
		cfg.Identity = Resolve(base, f.Identity)
	}
	var failed *failure.Failure
	if cfg.Deadline, failed = parseDuration("deadline", f.Deadline, "2m"); failed != nil {
		return cfg, failed
	}
	if cfg.Retention, failed = parseDuration("retention", f.Retention, "168h"); failed != nil {
		return cfg, failed
	}
	if cfg.Alerts, failed = f.Alerts.resolve(base); failed != nil {
		return cfg, failed
	}
	seen := map[string]bool{}
	for i, t := range f.Tables {
		at := fmt.Sprintf("table[%d]", i)
		if t.Name == "" {
			return cfg, &failure.Failure{Column: at, Message: fmt.Sprintf("table %d has no name", i+1)}
		}
		if seen[t.Name] {
			return cfg, &failure.Failure{Column: at + ".name", Message: fmt.Sprintf("two tables are named %q", t.Name)}
		}
		seen[t.Name] = true
		table, problem := t.resolve(base, at)
		if problem != nil {
			problem.Message = fmt.Sprintf("table %q: %s", t.Name, problem.Message)
			return cfg, problem
		}
		table.Class = cmp.Or(table.Class, f.Class)
		cfg.Tables = append(cfg.Tables, table)
	}
	return cfg, nil
}

// resolve is File.resolve for the table at this place.
func (t FileTable) resolve(base, at string) (Table, *failure.Failure) {
	table := Table{Name: t.Name, Null: t.Null, Encoding: t.Encoding, Header: t.Header, Columns: t.Columns, Declared: t.Declared, About: t.About, Format: t.Format}
	if problem := t.checkColumns(at); problem != nil {
		return table, problem
	}
	if problem := t.About.check(at); problem != nil {
		return table, problem
	}
	switch {
	case !files.KnownHeader(t.Header):
		return table, &failure.Failure{Column: at + ".header", Message: fmt.Sprintf(`header = %q: it is "auto", "yes" or "no"`, t.Header)}
	case !files.KnownEncoding(t.Encoding):
		return table, &failure.Failure{Column: at + ".encoding", Message: fmt.Sprintf("encoding = %q is not known", t.Encoding), Hint: "it is " + files.Encodings}
	case t.Columns != nil && len(t.Columns) == 0:
		return table, &failure.Failure{Column: at + ".columns", Message: "columns names no column", Hint: "leave the key out to read all columns"}
	}
	if key, problem := t.Format.Check(); problem != "" {
		return table, &failure.Failure{Column: at + "." + key, Message: problem}
	}
	if problem := t.resolveSource(&table, base, at); problem != nil || t.Source != "" {
		return table, problem
	}
	for i, pattern := range t.Files {
		found, err := Expand(Resolve(base, pattern))
		if err != nil {
			return table, &failure.Failure{Column: fmt.Sprintf("%s.files[%d]", at, i), Message: err.Error()}
		}
		table.Files = append(table.Files, found...)
	}
	if first, second := files.Twice(table.Files); first != "" {
		return table, &failure.Failure{Column: at + ".files", Message: fmt.Sprintf("%s and %s are one file", first, second),
			Hint: "its rows would count twice: leave out one of the two"}
	}
	if len(table.Files) == 0 {
		return table, &failure.Failure{Column: at + ".files", Message: "no files"}
	}
	return table, nil
}

const trustHint = "parley ledger head, of two nodes at least, prints a block and its hash: trust = \"BLOCK:HASH\""

// TrustedBlock reads Config.Trust, which stands with Genesis and only with it.
func TrustedBlock(cfg Config) (ledger.Trusted, error) {
	switch {
	case cfg.Genesis == "" && cfg.Trust == "":
		return ledger.Trusted{}, nil
	case cfg.Genesis == "":
		return ledger.Trusted{}, errors.New("trust: it is for a node that comes to a network, with genesis")
	case cfg.Trust == "":
		return ledger.Trusted{}, errors.New("trust: a node that comes to a network needs a block of it that its operator knows")
	}
	number, hash, _ := strings.Cut(cfg.Trust, ":")
	block, err := strconv.ParseUint(number, 10, 62)
	raw, bad := hex.DecodeString(hash)
	if err != nil || bad != nil || block == 0 || len(raw) != len(ledger.Trusted{}.Hash) {
		return ledger.Trusted{}, fmt.Errorf("trust: %q is not a block's height, a colon and the 64 hex digits of its hash", cfg.Trust)
	}
	return ledger.Trusted{Block: block, Hash: [32]byte(raw)}, nil
}

// parseDuration reads an optional duration; zero if it is left out.
func parseDuration(key, text, example string) (time.Duration, *failure.Failure) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, &failure.Failure{Column: key, Hint: fmt.Sprintf("for example %s = %q", key, example),
			Message: fmt.Sprintf("%s = %q is not a positive duration", key, text)}
	}
	return d, nil
}

func missingKey(key string) *failure.Failure {
	return &failure.Failure{Column: key, Message: fmt.Sprintf("the key %q is missing", key),
		Hint: "parley init writes a node.toml with every key and its meaning"}
}

// Failure gives the decoder's errors of a node.toml's text their line and key.
func Failure(path string, text []byte, err error) *failure.Failure {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		first := unknown.Errors[0]
		line, _ := first.Position()
		key := strings.Join(first.Key(), ".")
		f := failure.Usage("config", "", "unknown key %q", key)
		f.File, f.Line, f.Column, f.Cause = path, line, key, err
		known := configKeys(reflect.TypeFor[File](), "")
		if near := failure.Nearest(key, known); near != "" {
			f.Hint = fmt.Sprintf("did you mean %q?", near)
		} else {
			f.Hint = "the keys are " + strings.Join(known, ", ")
		}
		return f
	}
	f := failure.Usage("config", "", "%s", strings.TrimPrefix(err.Error(), "toml: "))
	f.File, f.Cause = path, err
	var at *toml.DecodeError
	if errors.As(err, &at) {
		f.Line, _ = at.Position()
	} else if found, twice := placesIn(text); twice != "" { // the decoder says it without a line
		f.Line, f.Column = found[twice], indexes.ReplaceAllString(twice, "")
	}
	return f
}

// configKeys lists the keys of the file, those of [[table]] as "table.name".
func configKeys(t reflect.Type, prefix string) []string {
	var keys []string
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Anonymous {
			keys = append(keys, configKeys(field.Type, prefix)...)
			continue
		}
		key, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
		if k := field.Type.Kind(); (k == reflect.Slice || k == reflect.Pointer) && field.Type.Elem().Kind() == reflect.Struct {
			keys = append(keys, configKeys(field.Type.Elem(), prefix+key+".")...)
			continue
		}
		keys = append(keys, prefix+key)
	}
	return keys
}

// Resolve takes a relative path from a folder.
func Resolve(base, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(base, path)
}

// Expand gives the files that a pattern names, sorted. A name that exists is taken as it is, whatever its characters.
func Expand(pattern string) ([]string, error) {
	if _, err := os.Stat(pattern); err == nil {
		return []string{pattern}, nil
	}
	files, err := filepath.Glob(pattern) // sorted
	if err != nil {
		return nil, fmt.Errorf("%s is not a pattern of file names", pattern)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no file %s%s", pattern, nearestFile(pattern))
	}
	return files, nil
}

func nearestFile(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	if near := failure.Nearest(filepath.Base(path), names); near != "" {
		return fmt.Sprintf(" (there is %s)", near)
	}
	return ""
}

// TableText writes a table as a node.toml has it.
func TableText(t Table) ([]byte, error) {
	if t.Header == files.HeaderAuto {
		t.Header = ""
	}
	var b bytes.Buffer
	err := toml.NewEncoder(&b).Encode(struct {
		Tables []FileTable `toml:"table"`
	}{[]FileTable{t.File()}})
	return b.Bytes(), err
}

// Text writes a node.toml.
func Text(f File) ([]byte, error) {
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).SetArraysMultiline(true).Encode(f); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
