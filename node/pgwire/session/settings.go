package session

import (
	"fmt"
	"slices"
	"strings"

	"parley/engine/policy"
)

// values are those of settings, by lower-case name.
type values map[string]string

// setting is one that SHOW knows.
type setting struct {
	name     string // as SHOW and clients spell it
	value    string // the door's own
	fixed    bool   // nobody sets it
	reported bool   // clients follow it: ParameterStatus
	check    func(value string) (string, error)
	about    string
}

// serverVersion is that of the PostgreSQL whose protocol and catalogue are spoken.
const serverVersion = "15.18"

// known are the settings by lower-case name.
var known = func() map[string]*setting {
	out := map[string]*setting{}
	for i := range table {
		out[strings.ToLower(table[i].name)] = &table[i]
	}
	return out
}()

var table = []setting{
	{name: "parley.purpose", check: line(policy.MaxTextBytes), about: "What answers are for. It stands on the ledger; without one nobody is answered."},
	{name: "parley.legal_basis", check: line(policy.MaxTextBytes), about: "The legal basis, where a department's policy demands one. It stands on the ledger."},
	{name: "parley.wait", value: "0", check: duration, about: "How long a question waits for departments that are not connected."},
	{name: "parley.deadline", value: "0", check: duration, about: "How long departments have to answer a question; 0 is the network's own deadline."},
	{name: "parley.departments", check: line(MaxSettingBytes), about: "The departments that are to contribute, with commas between them; empty is all that hold the table."},
	{name: "parley.language", value: policy.English, check: oneOf(policy.English, policy.Chinese), about: "The language of decisions, explanations and notes."},

	{name: "application_name", reported: true, check: line(MaxSettingBytes), about: "The name of the client's program."},
	{name: "bytea_output", value: "hex", check: oneOf("hex"), about: "How bytes are written."},
	{name: "client_encoding", value: "UTF8", reported: true, check: encoding, about: "The client's encoding, which is UTF8."},
	{name: "client_min_messages", value: "notice", check: messages, about: "From which level on messages are sent."},
	{name: "DateStyle", value: "ISO, MDY", reported: true, check: dateStyle, about: "How dates are written, which is ISO."},
	{name: "default_transaction_deferrable", value: "off", check: boolean, about: "Without effect."},
	{name: "default_transaction_isolation", value: "read committed", check: isolation, about: "Without effect: each statement is answered by itself."},
	{name: "default_transaction_read_only", value: "off", reported: true, check: boolean, about: "Without effect: nothing is ever written."},
	{name: "extra_float_digits", value: "1", check: integer(-15, 3), about: "Without effect: numbers are written in full."},
	{name: "idle_in_transaction_session_timeout", value: "0", check: duration, about: "Without effect."},
	{name: "idle_session_timeout", value: "0", check: duration, about: "Without effect."},
	{name: "in_hot_standby", value: "off", fixed: true, reported: true, about: "Whether the server is a standby."},
	{name: "integer_datetimes", value: "on", fixed: true, reported: true, about: "Whether times are integers on the wire."},
	{name: "IntervalStyle", value: "postgres", reported: true, check: oneOf("postgres", "postgres_verbose", "sql_standard", "iso_8601"), about: "Without effect: no answer has intervals."},
	{name: "is_superuser", value: "off", fixed: true, reported: true, about: "Whether the user is a superuser."},
	{name: "lc_collate", value: "C", fixed: true, about: "Text compares by bytes."},
	{name: "lc_ctype", value: "C", fixed: true, about: "The classes of characters."},
	{name: "lc_messages", value: "C", check: line(64), about: "Without effect; parley.language is of what the door says."},
	{name: "lc_monetary", value: "C", check: line(64), about: "Without effect."},
	{name: "lc_numeric", value: "C", check: line(64), about: "Without effect."},
	{name: "lc_time", value: "C", check: line(64), about: "Without effect."},
	{name: "lock_timeout", value: "0", check: duration, about: "Without effect: nothing is locked."},
	{name: "max_identifier_length", value: "63", fixed: true, about: "How many bytes of a name count."},
	{name: "max_index_keys", value: "32", fixed: true, about: "How many columns an index may have."},
	{name: "role", value: "none", check: oneOf("none"), about: "The role, which is the user's."},
	{name: "row_security", value: "on", check: boolean, about: "Without effect: grants decide."},
	{name: "search_path", value: `"$user", public`, check: line(MaxSettingBytes), about: "The schemas in which tables are looked for."},
	{name: "server_encoding", value: "UTF8", fixed: true, reported: true, about: "The door's encoding."},
	{name: "server_version", value: serverVersion, fixed: true, reported: true, about: "The PostgreSQL that the door speaks as."},
	{name: "server_version_num", value: "150018", fixed: true, about: "The PostgreSQL that the door speaks as."},
	{name: "session_authorization", fixed: true, reported: true, about: "The user."},
	{name: "standard_conforming_strings", value: "on", reported: true, check: mustBe("on"), about: "Backslashes in texts stand for themselves."},
	{name: "statement_timeout", value: "0", check: duration, about: "How long a statement may run; 0 is without limit. A question is withdrawn then."},
	{name: "synchronize_seqscans", value: "on", check: boolean, about: "Without effect."},
	{name: "TimeZone", value: "UTC", reported: true, check: zone, about: "Without effect but that clients are told: times are written in UTC."},
	{name: "transaction_deferrable", value: "off", check: boolean, about: "Without effect."},
	{name: "transaction_isolation", value: "read committed", check: isolation, about: "Without effect: each statement is answered by itself."},
	{name: "transaction_read_only", value: "on", check: boolean, about: "Nothing is ever written."},
	{name: "xmloption", value: "content", check: oneOf("content", "document"), about: "Without effect."},
}

// ignored are settings of real servers that clients set to go faster or slower; they are taken, and without effect.
var ignored = []string{"enable_hashjoin", "enable_indexscan", "enable_mergejoin", "enable_nestloop", "enable_seqscan", "geqo", "geqo_threshold", "jit", "join_collapse_limit",
	"from_collapse_limit", "max_parallel_workers_per_gather", "random_page_cost", "tcp_keepalives_count", "tcp_keepalives_idle", "tcp_keepalives_interval", "work_mem", "ksqo", "optimizer"}

func init() {
	for _, name := range ignored {
		known[name] = &setting{name: name, check: line(64), about: "Without effect."}
	}
}

// settingOf gives a setting, or refuses its name.
func settingOf(name string) (*setting, error) {
	if s, ok := known[strings.ToLower(name)]; ok {
		return s, nil
	}
	return nil, refuse("42704", "unrecognized configuration parameter \"%s\"", name)
}

// start gives each setting its value at the beginning, and tells the client those that it follows.
func (s *session) start() error {
	s.settings = values{}
	for name, of := range known {
		s.settings[name] = of.value
	}
	s.settings["session_authorization"] = s.login.User
	for _, name := range sorted(s.login.Settings) {
		if err := s.startup(name, s.login.Settings[name]); err != nil {
			return err
		}
	}
	s.defaults = s.snapshot()
	for _, name := range sorted(known) {
		if of := known[name]; of.reported && s.login.Listener != nil {
			s.login.Listener.Parameter(of.name, s.settings[name])
		}
	}
	return nil
}

// startup takes a setting of the startup message. A client that asks for what the door cannot give does not get in, as with PostgreSQL.
func (s *session) startup(name, value string) error {
	of, err := settingOf(name)
	if err != nil {
		return err
	}
	value, err = s.checked(of, value)
	if err != nil {
		return err
	}
	s.settings[strings.ToLower(name)] = value
	return nil
}

// checked is a value as a setting keeps it.
func (s *session) checked(of *setting, value string) (string, error) {
	switch {
	case of.fixed:
		return "", refuse("55P02", "parameter \"%s\" cannot be changed", of.name)
	case len(value) > MaxSettingBytes:
		return "", refuse("54000", "the value of \"%s\" has %d bytes; at most %d are taken", of.name, len(value), MaxSettingBytes)
	}
	kept, err := of.check(value)
	if err != nil {
		return "", hinted(refuse("22023", "invalid value for parameter \"%s\": \"%s\"", of.name, value), "%s", err)
	}
	if of.name == "TimeZone" && kept != "UTC" && !isUTC(kept) {
		s.warn("01000", fmt.Sprintf("times are written in UTC, not in the time zone \"%s\"", kept))
		kept = "UTC"
	}
	return kept, nil
}

// set gives a setting a value, for the session or, if local, until the end of the block.
func (s *session) set(name, value string, local bool) error {
	of, err := settingOf(name)
	if err != nil {
		return err
	}
	if value, err = s.checked(of, value); err != nil {
		return err
	}
	s.assign(strings.ToLower(name), value, local)
	return nil
}

// assign puts a checked value.
func (s *session) assign(name, value string, local bool) {
	switch {
	case local:
		s.keep()
		s.block.local[name] = true
	case s.block.local != nil:
		delete(s.block.local, name)
	}
	s.put(name, value)
}

// put puts a value and tells the client if it follows the setting.
func (s *session) put(name, value string) {
	if s.settings[name] == value {
		return
	}
	s.settings[name] = value
	if of := known[name]; of != nil && of.reported && s.login.Listener != nil {
		s.login.Listener.Parameter(of.name, value)
	}
}

// show gives the value of a setting.
func (s *session) show(name string) (string, bool) {
	value, ok := s.settings[strings.ToLower(name)]
	return value, ok
}

// path are the schemas in which tables are looked for.
func (s *session) path() []string {
	var out []string
	for _, word := range strings.Split(s.settings["search_path"], ",") {
		word = strings.TrimSpace(word)
		if inner, ok := strings.CutPrefix(word, `"`); ok {
			word = strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
		} else {
			word = strings.ToLower(word)
		}
		if word != "" && word != "$user" && !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out
}
