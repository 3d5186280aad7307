package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/datasets/files"
	"parley/datasets/published"
	"parley/engine"
	"parley/node/failure"
	"parley/node/nodetest"
	"parley/protocols/linkage"
)

const wholeConfig = `name = "north"
dir = "data"
listen = "/ip4/127.0.0.1/tcp/0"
identity = "/keys/identity.key"
peers = ["/p2p/one", "/p2p/two"]
analysts = ["three"]
parameters = "light"
deadline = "90s"

[[table]]
name = "heart"
files = ["b.csv", "a*.csv"]
null = ["NA"]
encoding = "gb18030"
header = "no"

[[table]]
name = "tax"
files = ["tax.parquet"]

[[table.column]]
name = "person"
type = "text"

[[table.column]]
name = "born on"
as = "born"
type = "date"
format = "d/m/y"
min = 1900-01-01
null = ["-"]
bounds = "measured"

[[table.column]]
name = "income"
type = "decimal"
scale = 2
unit = "EUR"
min = -0.5
max = 1000

[[table.column]]
name = "seen"
type = "timestamptz"
zone = "Europe/Berlin"
min = 2020-01-01 01:00:00+01:00
max = 2021-01-01T00:00:00.5Z

[[table.column]]
name = "class"
[table.column.codes]
1 = "employed"
"2 " = "retired"
`

func TestConfigPathsAreTakenFromItsFolder(t *testing.T) {
	dir := nodetest.WriteFiles(t, map[string]string{"node.toml": wholeConfig, "a2.csv": "", "a1.csv": "", "b.csv": "", "tax.parquet": ""})
	t.Chdir(t.TempDir())
	cfg, err := Load(filepath.Join(dir, "node.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Name != "north" || cfg.Dir != filepath.Join(dir, "data") || cfg.Identity != "/keys/identity.key" ||
		cfg.Deadline != 90*time.Second || len(cfg.Peers) != 2 || len(cfg.Analysts) != 1 || cfg.Parameters != "light" {
		t.Errorf("got %+v", cfg)
	}
	want := []string{filepath.Join(dir, "b.csv"), filepath.Join(dir, "a1.csv"), filepath.Join(dir, "a2.csv")}
	if len(cfg.Tables) != 2 || !slices.Equal(cfg.Tables[0].Files, want) || cfg.Tables[0].Null[0] != "NA" || cfg.Tables[0].Header != "no" ||
		cfg.Tables[0].Encoding != "gb18030" {
		t.Errorf("tables are %+v", cfg.Tables)
	}
}

func TestConfigErrorsNameTheLine(t *testing.T) {
	for name, change := range map[string]struct {
		old, new string
		line     int
		says     string
		hint     string
	}{
		"unknown key":       {`analysts =`, `analist =`, 6, `unknown key "analist"`, `did you mean "analysts"?`},
		"far key":           {`analysts =`, `xyzzy =`, 6, `unknown key "xyzzy"`, "table.encoding"},
		"unknown in table":  {`null =`, `nul =`, 13, `unknown key "table.nul"`, `"table.null"`},
		"unknown section":   {"[[table]]\nname = \"tax\"", "[[tables]]\nname = \"tax\"", 17, `unknown key "tables`, "table"},
		"type":              {`dir = "data"`, `dir = 5`, 2, "", ""},
		"syntax":            {`dir = "data"`, `dir = data`, 2, "", ""},
		"key twice":         {`dir = "data"`, "dir = \"data\"\ndir = \"b\"", 3, "", ""},
		"missing":           {`listen = "/ip4/127.0.0.1/tcp/0"`, "", 0, `"listen" is missing`, "parley init"},
		"deadline":          {`"90s"`, `"90"`, 8, `"90" is not a positive duration`, ""},
		"parameters":        {`"light"`, `"lite"`, 7, `parameters = "lite"`, ""},
		"joined alone":      {`"light"`, `"joined"`, 7, "joins is not set", "joins = true"},
		"two tables":        {`name = "tax"`, `name = "heart"`, 18, `two tables are named "heart"`, ""},
		"a list's entry":    {`["b.csv", "a*.csv"]`, "[\n  \"b.csv\", # [table]\n  \"c*.csv\",\n]", 14, `table "heart": no file`, ""},
		"encoding":          {`"gb18030"`, `"utf-16"`, 14, `encoding = "utf-16" is not known`, "windows-1252"},
		"delimiter":         {`header = "no"`, `delimiter = "ab"`, 15, `delimiter = "ab"`, ""},
		"skip":              {`header = "no"`, `skip = -1`, 15, `skip = -1`, ""},
		"a key of formats":  {`header =`, `delimter =`, 15, `unknown key "table.delimter"`, `"table.delimiter"`},
		"no columns":        {`header = "no"`, "header = \"no\"\ncolumns = []", 16, `columns names no column`, "leave the key out"},
		"nameless":          {`name = "tax"`, ``, 17, `table 2 has no name`, ""},
		"no files":          {`["tax.parquet"]`, `[]`, 19, `table "tax": no files`, ""},
		"trust":             {`analysts =`, "trust = \"1:ab\"\nanalysts =", 6, `with genesis`, "ledger head"},
		"role":              {`analysts =`, "role = \"king\"\nanalysts =", 6, `role = "king"`, ""},
		"header":            {`header = "no"`, `header = "none"`, 15, `header = "none"`, ""},
		"a column's type":   {`type = "text"`, `type = "txt"`, 23, `table "tax": column "person": type = "txt" is not known`, `did you mean "text"?`},
		"a column's bound":  {`min = -0.5`, `min = true`, 39, `table "tax": column "income": min is neither`, "quotation marks"},
		"a long bound":      {`min = -0.5`, `min = 12345678901234567.25`, 39, `column "income": min has more digits than are kept`, `min = "..."`},
		"no bound":          {`min = -0.5`, `min = -inf`, 39, `column "income": min is neither`, "quotation marks"},
		"a column's codes":  {`1 = "employed"`, `1 = "employed"` + "\n3 = \"\\u0007\"", 51, `column "class": codes: the label`, ""},
		"a nameless column": {`name = "person"`, ``, 21, `a [[table.column]] has no name`, "in the files"},
		"a column twice":    {`name = "class"`, `name = "income"`, 50, `column "income": it is declared twice`, ""},
		"a column's key":    {`scale =`, `sclae =`, 37, `unknown key "table.column.sclae"`, `"table.column.scale"`},
		"one bound":         {`bounds = "measured"`, ``, 30, `column "born on": min without max`, `bounds = "measured"`},
		"bounds":            {`"measured"`, `"guessed"`, 32, `column "born on": bounds = "guessed" is not known`, "least and the greatest"},
		"a column's class":  {`bounds = "measured"`, `class = "open"`, 32, `class = "open" is not known`, "unconditional"},
		"a column's grade":  {`unit = "EUR"`, `sensitivity = "general"`, 38, `sensitivity = "general" is not known`, "general-1"},
		"dictionary":        {`unit = "EUR"`, `dictionary = "yes"`, 38, "", ""},
		"drift of bounds":   {`unit = "EUR"`, `drift = true`, 38, `column "income": drift is of a column with a dictionary or codes`, "dictionary = true"},
		"drift, not a bool": {`unit = "EUR"`, `drift = 1`, 38, "", ""},
		"outside of what":   {`unit = "EUR"`, `outside = "count"`, 38, `column "income": outside is of a list of codes`, "leave outside out"},
		"outside unsaid":    {`name = "class"`, "name = \"class\"\noutside = \"count\"", 51, `column "class": values outside of the codes become part of the dictionary`, "dictionary = true"},
		"outside, unknown":  {`name = "class"`, "name = \"class\"\ndictionary = true\noutside = \"null\"", 52, `outside = "null" is not known`, "refuses the table"},
		"a table's class":   {`name = "tax"`, "name = \"tax\"\nclass = \"opn\"", 19, `table "tax": class = "opn" is not known`, "on-condition"},
		"a table's owner":   {`name = "tax"`, "name = \"tax\"\nowner = \"a\\u0007\"", 19, `table "tax": owner = "a\a": it has a control character`, ""},
		"rows of nobody":    {`name = "tax"`, "name = \"tax\"\nrows_per_person = 3", 19, `table "tax": rows_per_person needs a key`, "columns that name a person"},
		"two limits":        {`name = "tax"`, "name = \"tax\"\nkey = [\"id\"]\nrows_per_person = 3\nrows_per_key = 3", 21, `rows_per_person and rows_per_key are both set`, "rows_per_key where some rows have no key"},
		"keys of no rows":   {`name = "tax"`, "name = \"tax\"\nkey = [\"id\"]\nrows_per_key = 0", 20, `rows_per_key = 0: it lies between 1 and 1048576`, ""},
		"rows of no key":    {`name = "tax"`, "name = \"tax\"\nrows_per_key = 3", 19, `rows_per_key needs a key`, "columns that name a person"},
		"no rows":           {`name = "tax"`, "name = \"tax\"\nkey = [\"id\"]\nrows_per_person = 0", 20, `rows_per_person = 0: it lies between 1 and 1048576`, ""},
		"too many rows":     {`name = "tax"`, "name = \"tax\"\nkey = [\"id\"]\nrows_per_person = 1048577", 20, `rows_per_person = 1048577`, ""},
		"whose spine":       {`name = "tax"`, "name = \"tax\"\nkey = [\"id\"]\nof = \"register\"", 20, "of and of_department stand together", `of_department = "civil"`},
		"no spine":          {`name = "tax"`, "name = \"tax\"\nkey = [\"id\"]\nof_department = \"civil\"", 0, "of and of_department stand together", ""},
		"spine of another":  {`name = "tax"`, "name = \"tax\"\nkey = [\"id\"]\nspine = true\nof_department = \"civil\"", 20, "spine and of stand beside each other", ""},
		"a wide name":       {`name = "tax"`, "name = \"tax\"\nkey = [\"id\"]\nof = \"register\"\nof_department = \"a\\nb\"", 21, "of_department = ", ""},
		"wide key of spine": {`name = "tax"`, "name = \"tax\"\nkey = [\"id\", \"x\"]\nspine = true", 20, "named by a key of one column", ""},
		"none placed":       {`name = "tax"`, "name = \"tax\"\nkey = [\"id\"]\nof = \"r\"\nof_department = \"c\"\nleast_placed = 0", 22, "least_placed = 0: it lies between 1 and 100", ""},
		"over all changed":  {`name = "tax"`, "name = \"tax\"\nkey = [\"id\"]\nof = \"r\"\nof_department = \"c\"\nmost_changed = 101", 22, "most_changed = 101: it lies between 0 and 100", ""},
		"limits of nothing": {`name = "tax"`, "name = \"tax\"\nkey = [\"id\"]\nmost_changed = 1", 20, "placed on a spine", ""},
		"half a row":        {`name = "tax"`, "name = \"tax\"\nkey = [\"id\"]\nrows_per_person = 1.5", 20, "", ""},
		"a place":           {`dir = "data"`, "dir = \"data\"\nunder = \"Jiangsu//x\"", 3, `under = "Jiangsu//x" has a unit whose name is empty`, "Jiangsu/Nanjing"},
		"no such file":      {`"tax.parquet"`, `"taxes.parquet"`, 19, "there is tax.parquet", ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(wholeConfig, change.old, change.new, 1)
			if text == wholeConfig {
				t.Fatal("nothing changed")
			}
			dir := nodetest.WriteFiles(t, map[string]string{"node.toml": text, "a.csv": "", "b.csv": "", "tax.parquet": ""})
			path := filepath.Join(dir, "node.toml")
			_, err := Load(path)
			var f *failure.Failure
			if !errors.As(err, &f) {
				t.Fatalf("got %v", err)
			}
			if f.Status != failure.StatusUsage || f.File != path || f.Line != change.line && change.line != 0 {
				t.Errorf("status %d, %s:%d, want line %d", f.Status, f.File, f.Line, change.line)
			}
			if !strings.Contains(f.Message, change.says) || !strings.Contains(f.Hint, change.hint) {
				t.Errorf("says %q, hints %q", f.Message, f.Hint)
			}
		})
	}
}

// TestDeclaredColumns: --column says in one line what [[table.column]] does, and both come to datasets alike.
func TestDeclaredColumns(t *testing.T) {
	dir := nodetest.WriteFiles(t, map[string]string{"node.toml": wholeConfig, "a.csv": "", "b.csv": "", "tax.parquet": ""})
	cfg, err := Load(filepath.Join(dir, "node.toml"))
	if err != nil {
		t.Fatal(err)
	}
	var written Table
	for _, text := range []string{`person: type=text`, `tax."born on": as=born type=date format=d/m/y min=1900-01-01 null=- bounds=measured`,
		`"income":  type=decimal scale=2 unit=EUR min=-0.5  max=1000`, `seen: type=timestamptz zone=Europe/Berlin min="2020-01-01 00:00:00+00" max="2021-01-01 00:00:00.5+00"`, `class: codes=1=employed codes="2 "=retired`} {
		table, c, problem := ParseColumn(text, []string{"tax"})
		if problem != nil || table != "tax" {
			t.Fatalf("%s: %q, %v", text, table, problem)
		}
		written.Declared = append(written.Declared, c)
	}
	if got, want := written.Reading().Declared, cfg.Tables[1].Reading().Declared; !reflect.DeepEqual(got, want) || len(want) != 5 {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	for text, names := range map[string][2]string{
		`t.a: unit=x`: {"t", "a"}, `a.b: unit=x`: {"t", "a.b"}, `"t.a": unit=x`: {"t", "t.a"}, `t."a:b\"\\ c": unit=x`: {"t", `a:b"\ c`}, `"t"."a": unit=x`: {"t", "a"},
		`a b : unit=x`: {"t", "a b"}, `中: unit="人 民"`: {"t", "中"}, `a:`: {"t", "a"}, `a.b.c: unit=x`: {"t", "a.b.c"},
	} {
		if table, c, problem := ParseColumn(text, []string{"t"}); problem != nil || table != names[0] || c.Name != names[1] {
			t.Errorf("%s: %q %q %v", text, table, c.Name, problem)
		}
	}
	for text, want := range map[string]string{
		"": "does not begin with", "a": "does not begin with", ": unit=x": "does not begin with", `"a: unit=x`: "does not begin with", `"a"b: unit=x`: "does not begin with",
		"a: unit": `"unit" is not KEY=VALUE`, "a: unit=": "unit has no value", `a: unit="x`: "not closed", `a: unit="x"y`: "not closed", "a: unti=x": `did you mean "unit"?`, "a: dictionary=yes": "neither true nor false", "a: drift=yes": "neither true nor false", "a: codes=1=x outside=count": "dictionary = true beside it", "a: min=1": "min without max", "a: bounds=x": "is not known",
		"a: codes=1=x dictionary=true": "the dictionary is the list of codes", "a: min=1 max=2 bounds=measured": "none are measured",
		"a: name=x": `there is no key "name"`, "a: unit=x unit=y": "unit stands there twice", "a: min=1 min=2": "min stands there twice",
		"a: type=decimal scale=1 scale=1": "scale stands there twice", "a: scale=x": "is no number", "a: codes=1": "has no label", "a: codes=1=x codes=1=y": "stands there twice",
		"a: type=integer min=x": `min: "x" is not an integer`, "u.a: unit=x": `no --table has the name "u"`,
	} {
		tables := []string{"t"}
		if strings.HasPrefix(text, "u") {
			tables = append(tables, "v")
		}
		if _, _, problem := ParseColumn(text, tables); problem == nil || !strings.Contains(problem.Message+problem.Hint, want) || problem.Status != failure.StatusUsage {
			t.Errorf("%s: %v, want %s", text, problem, want)
		}
	}
	if _, _, problem := ParseColumn("a: unit=x", []string{"t", "u"}); problem == nil || !strings.Contains(problem.Message, "several tables") {
		t.Error(problem)
	}
}

func TestInitialConfigParses(t *testing.T) {
	dir := nodetest.WriteFiles(t, map[string]string{"node.toml": Initial("a\"b\\c\x01南", RoleDepartment, "/ip4/0.0.0.0/tcp/4001", "default")})
	cfg, err := Load(filepath.Join(dir, "node.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Name != "a\"b\\c\x01南" || cfg.Parameters != "default" || cfg.Identity != filepath.Join(dir, IdentityFile) {
		t.Errorf("got %+v", cfg)
	}
	// What is commented out is right too.
	text := strings.NewReplacer("# [[", "[[", "# name =", "name =", "# files =", "files =", "# null =", "null =",
		"# encoding =", "encoding =", "# deadline =", "deadline =",
		"# retain =", "retain =", "# retention =", "retention =",
		"# metrics =", "metrics =", `#  "`, `  "`, "# as =", "as =", "# type =", "type =", "# format = \"d", "format = \"d", "# scale =", "scale =",
		"# unit =", "unit =", "# bounds =", "bounds =", "# dictionary =", "dictionary =", "# title =", "title =", "# owner =", "owner =", "# class =", "class =",
		"# under =", "under =", "# min =", "min =", "# max =", "max =", "# codes =", "codes =", "# drift =", "drift =").Replace(Initial("n", RoleDepartment, "l", "light"))
	dir = nodetest.WriteFiles(t, map[string]string{"node.toml": text, "tables/heart.csv": ""})
	cfg, err = Load(filepath.Join(dir, "node.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Tables) != 1 || len(cfg.Tables[0].Declared) != 4 || cfg.Tables[0].Class != "on-condition" || !cfg.Tables[0].Declared[1].Dictionary || !cfg.Tables[0].Declared[1].Drift || len(cfg.Place) != 2 || len(cfg.Peers) != 1 || len(cfg.Analysts) != 1 || cfg.Deadline == 0 || len(cfg.Auditors) != 1 || cfg.Retention == 0 || cfg.Metrics == "" {
		t.Errorf("got %+v", cfg)
	}
}

func TestWrittenConfigReadsBack(t *testing.T) {
	two, most := 2, int64(7)
	columns := []FileColumn{{Name: "a b", As: "c", Type: "decimal", Scale: &two, Null: []string{"-"}, Unit: "m\"", Min: "0", Max: "9", Codes: map[string]string{"1": "x", "2.5": ""}},
		{Name: "d", Type: "boolean", True: []string{"ja"}, False: []string{"nein"}}, {Name: "e", Type: "date", Format: "d/m/y", Bounds: "measured", Title: "E", Item: "1", Sensitivity: "core", Class: "none"}, {Name: "f", Dictionary: true, Drift: true},
		{Name: "g", Codes: map[string]string{"1": "x"}, Dictionary: true, Outside: "count"}}
	format := files.Format{Delimiter: ";", Quote: "none", Decimal: ",", Thousands: ".", Comment: "#", Skip: 3, Sheet: "a", Range: "B3:H200"}
	file := File{Name: "n", Dir: "data", Listen: "/ip4/127.0.0.1/tcp/1", Identity: "key", Parameters: "light",
		Peers: []string{"/p2p/x"}, Tables: []FileTable{{Name: "t", Files: []string{"a.csv"}, Null: []string{"?"}, Declared: columns, Format: format, About: About{Key: []string{"c"}, RowsPerPerson: &most}}}}
	text, err := Text(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := nodetest.WriteFiles(t, map[string]string{"node.toml": string(text), "a.csv": ""})
	cfg, err := Load(filepath.Join(dir, "node.toml"))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if cfg.Tables[0].Files[0] != filepath.Join(dir, "a.csv") || cfg.Tables[0].Null[0] != "?" || cfg.Peers[0] != "/p2p/x" || !reflect.DeepEqual(cfg.Tables[0].Declared, columns) ||
		cfg.Tables[0].Reading().Format != format || cfg.Tables[0].Limit() != (published.Limit{Most: most, Persons: true}) || (About{}).Limit() != (published.Limit{}) || (About{RowsPerKey: &most}).Limit() != (published.Limit{Most: most}) {
		t.Errorf("got %+v", cfg)
	}
}

// TestTableAsFile: what a table of files says of itself is all written down again.
func TestTableAsFile(t *testing.T) {
	var c Table
	from, fields := reflect.ValueOf(&c).Elem(), reflect.TypeFor[Table]()
	for i := range fields.NumField() {
		switch f := from.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("set")
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		}
	}
	to := reflect.ValueOf(c.File())
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		if name == "Source" {
			continue
		}
		if !reflect.DeepEqual(to.FieldByName(name).Interface(), from.Field(i).Interface()) {
			t.Errorf("%s is lost", name)
		}
	}
}

// TestSource: a table has files or a source, and what is wrong with a source is told at its line.
func TestSource(t *testing.T) {
	folder := t.TempDir()
	for text, want := range map[string]string{
		`source = "postgres://reader@db.example.org/stock"` + "\ntable = \"public.people\"\npassword_file = \"secret\"\ntimeout = \"10m\"\nversion = \"loaded\"":                   "",
		`source = "mysql://reader@127.0.0.1/stock"` + "\nquery = \"SELECT a FROM b\"\ncolumns = [\"a\"]\nversion_query = \"SELECT 1\"":                                             "",
		`source = "mysql://reader@127.0.0.1/stock"` + "\ntable = \"b\"\nfiles = [\"node.toml\"]":                                                                                   "node.toml:7: table \"t\": it has files and a source",
		`source = "mysql://reader@127.0.0.1/stock"` + "\ntable = \"b\"\nheader = \"yes\"":                                                                                          "node.toml:9: table \"t\": header is of files",
		`source = "mysql://reader@127.0.0.1/stock"` + "\ntable = \"b\"\n[[table.column]]\nname = \"a\"\nas = \"b\"\nunit = \"EUR\"\nmin = 0\ntitle = \"A\"\ncodes = { 1 = \"x\" }": "",
		`source = "mysql://reader@127.0.0.1/stock"` + "\ntable = \"b\"\n[[table.column]]\nname = \"a\"\ntype = \"boolean\"\nas = \"b\"":                                            "",
		`source = "mysql://reader@127.0.0.1/stock"` + "\ntable = \"b\"\n[[table.column]]\nname = \"a\"\ntype = \"date\"":                                                           "node.toml:9: table \"t\": column \"a\": of a table in a database no type but boolean",
		`source = "mysql://reader@127.0.0.1/stock"` + "\ntable = \"b\"\ntimeout = \"soon\"":                                                                                        "node.toml:9: table \"t\": timeout = \"soon\" is not",
		`source = "mysql://reader:hidden@127.0.0.1/stock"` + "\ntable = \"b\"":                                                                                                     "node.toml:7: table \"t\": mysql://127.0.0.1/stock: source has a password in it",
		`source = "mysql://reader@127.0.0.1/stock"`:        "node.toml:7: table \"t\": mysql://127.0.0.1/stock: a source has a table or a query",
		`source = "db2://reader@127.0.0.1/stock"`:          "node.toml:7: table \"t\": source begins with no known scheme",
		`files = ["node.toml"]` + "\nquery = \"SELECT 1\"": "node.toml:8: table \"t\": query is of tables in a database",
	} {
		path := filepath.Join(folder, "node.toml")
		whole := "name = \"n\"\ndir = \".\"\nlisten = \"/ip4/127.0.0.1/tcp/0\"\nparameters = \"light\"\n[[table]]\nname = \"t\"\n" + text + "\n"
		if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path)
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %s", text, err, want)
		case err == nil && (c.Tables[0].Source.Source == "" || c.Tables[0].Source.PasswordFile != "" && c.Tables[0].Source.PasswordFile != filepath.Join(folder, "secret")):
			t.Errorf("%+v", c.Tables[0])
		case err != nil && strings.Contains(err.Error(), "hidden"):
			t.Errorf("a password is shown: %v", err)
		}
	}
}

// TestLinkageOfTables: what node.toml says of persons is what is registered, and what a spine is held to.
func TestLinkageOfTables(t *testing.T) {
	c := Config{Name: "tax"}
	few, none := int64(7), int64(0)
	for _, test := range []struct {
		about  About
		want   engine.Linkage
		limits linkage.Limits
	}{
		{About{Key: []string{"id"}}, engine.Linkage{}, linkage.DefaultLimits},
		{About{Key: []string{"id"}, Spine: true}, engine.Linkage{Key: "id", Spine: "t", Department: "tax"}, linkage.DefaultLimits},
		{About{Key: []string{"id"}, Of: "register", OfDepartment: "civil", LeastPlaced: &few, MostChanged: &none},
			engine.Linkage{Key: "id", Spine: "register", Department: "civil"}, linkage.Limits{LeastPlaced: 7}},
	} {
		if problem := test.about.check("table[0]"); problem != nil {
			t.Errorf("%+v: %v", test.about, problem)
		}
		if got := c.Linkage(Table{Name: "t", About: test.about}); got != test.want {
			t.Errorf("%+v, want %+v", got, test.want)
		}
		if got := test.about.SpineLimits(); got != test.limits {
			t.Errorf("%+v, want %+v", got, test.limits)
		}
	}
}
