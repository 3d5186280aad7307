package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// maxLines is where a file has become two.
const maxLines = 600

// goFiles lists the project's Go files by folder.
func goFiles(t *testing.T) map[string][]string {
	t.Helper()
	files := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			folder, _, _ := strings.Cut(filepath.ToSlash(path), "/")
			if !strings.Contains(filepath.ToSlash(path), "/") {
				folder = "."
			}
			files[folder] = append(files[folder], path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// importsOf are the packages that a file imports.
func importsOf(t *testing.T, path string) (names []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range f.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// TestImports holds the direction of imports: engine, protocols, circuits and datasets know
// nothing of node; circuits nothing of protocols; only node speaks to the network; nobody
// imports bench; conditions are read by engine/policy alone.
func TestImports(t *testing.T) {
	forbidden := map[string][]string{
		"engine":    {"parley/"},
		"circuits":  {"parley/protocols", "parley/engine", "parley/datasets", "parley/node"},
		"protocols": {"parley/node", "parley/datasets"},
		"datasets":  {"parley/node", "parley/protocols", "parley/circuits"},
	}
	network := []string{"github.com/libp2p/", "github.com/multiformats/", "github.com/cometbft/"}
	for folder, paths := range goFiles(t) {
		for _, path := range paths {
			for _, name := range importsOf(t, path) {
				bad := append([]string{"parley/bench"}, forbidden[folder]...)
				if folder != "node" && folder != "." {
					bad = append(bad, network...)
				}
				if filepath.ToSlash(filepath.Dir(path)) != "engine/policy" {
					bad = append(bad, "github.com/google/cel-go")
				}
				for _, prefix := range bad {
					if strings.HasPrefix(name, prefix) && !strings.HasPrefix(name, "parley/"+folder) {
						t.Errorf("%s imports %s", path, name)
					}
				}
			}
		}
	}
}

// TestImportsOfPlain: datasets/plain pools the rows of departments, which only the demo and tests
// may. A node itself never links it: the one file that imports it is the demo's. Likewise what is
// for tests alone is imported by tests, and protocols/mhe knows circuits and nothing else.
func TestImportsOfPlain(t *testing.T) {
	for _, paths := range goFiles(t) {
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			path = filepath.ToSlash(path)
			for _, name := range importsOf(t, path) {
				switch name {
				case "parley/datasets/plain":
					if path != "node/cli/demo.go" {
						t.Errorf("%s imports datasets/plain, which pools rows", path)
					}
				case "parley/datasets/rehearsal", "parley/protocols/mhe/tiny":
					if !strings.HasPrefix(path, "node/nodetest/") {
						t.Errorf("%s imports %s, which is for tests", path, name)
					}
				}
				if filepath.ToSlash(filepath.Dir(path)) == "protocols/mhe" && strings.HasPrefix(name, "parley/") && name != "parley/circuits" {
					t.Errorf("%s imports %s: circuits in, blobs out", path, name)
				}
			}
		}
	}
}

// TestStandInsArePure: what makes up rows for rehearsals imports nothing by which it could read more than the catalogue
// that it is given: no files, no network, no clock, no randomness but that of its seed.
func TestStandInsArePure(t *testing.T) {
	pure := []string{"context", "encoding/binary", "fmt", "math/big", "math/rand/v2", "slices", "strconv", "parley/engine", "parley/engine/cellkey"}
	seen := 0
	for _, path := range goFiles(t)["datasets"] {
		if filepath.ToSlash(filepath.Dir(path)) != "datasets/standin" || strings.HasSuffix(path, "_test.go") {
			continue
		}
		seen++
		for _, name := range importsOf(t, path) {
			if !slices.Contains(pure, name) {
				t.Errorf("%s imports %s", path, name)
			}
		}
	}
	if seen == 0 {
		t.Error("datasets/standin is not found")
	}
}

// rooms says which of the project's packages each room of node may import, tests left out. What
// is not listed is forbidden; of the rooms only the command line and what tests and prints a whole
// node import node.
var rooms = map[string][]string{
	"node/build":            {},
	"node/disk":             {},
	"node/failure":          {"engine", "datasets/files"},
	"node/peers":            {"engine", "node/disk"},
	"node/journal":          {"engine", "protocols", "node/disk"},
	"node/linkage":          {"datasets/vectors", "engine", "protocols", "protocols/linkage", "node/disk", "node/peers"},
	"node/ledger":           {"engine", "node/disk"},
	"node/ledger/loopback":  {"node/ledger"},
	"node/config":           {"datasets", "datasets/files", "datasets/published", "datasets/served", "engine", "node/failure", "node/ledger", "protocols/linkage"},
	"node/cli":              {"circuits", "datasets", "datasets/files", "datasets/plain", "datasets/population", "engine", "engine/policy", "engine/policy/open", "node", "node/analyst", "node/audit", "node/build", "node/cli/catalog", "node/cli/gateway", "node/cli/linkage", "node/cli/man", "node/cli/people", "node/cli/rehearse", "node/cli/rights", "node/cli/shadow", "node/cli/standing", "node/cli/trail", "node/client", "node/config", "node/disk", "node/door", "node/exchange", "node/failure", "node/ledger", "node/peers", "node/render", "protocols", "protocols/liar"},
	"node/cli/man":          {},
	"node/cli/linkage":      {"engine", "node", "node/config", "node/failure", "node/linkage", "node/render"},
	"node/scram":            {},
	"node/columnar":         {"engine"},
	"node/login":            {"node/scram"},
	"node/analyst":          {"circuits", "engine", "engine/policy", "node/client", "node/columnar", "node/disk", "node/door", "node/exchange", "node/peers", "node/render", "protocols"},
	"node/api":              {"engine", "engine/policy", "node/audit", "node/client", "node/door", "node/failure", "node/login", "node/render", "node/scram", "protocols"},
	"node/door":             {"engine", "engine/policy", "node/audit", "node/client", "node/disk", "node/failure", "node/peers", "node/render", "protocols"},
	"node/flight":           {"engine", "engine/policy", "node/build", "node/client", "node/columnar", "node/door", "node/failure", "node/login", "node/scram", "protocols"},
	"node/pgwire":           {"node/login", "node/scram"},
	"node/pgwire/catalog":   {"datasets/duck", "node/pgwire"},
	"node/pgwire/session":   {"engine", "engine/policy", "node/client", "node/door", "node/failure", "node/pgwire", "node/pgwire/catalog", "node/render", "protocols"},
	"node/cli/gateway":      {"engine/policy", "node/api", "node/audit", "node/cli/rights", "node/client", "node/disk", "node/door", "node/failure", "node/flight", "node/login", "node/peers", "node/pgwire", "node/pgwire/session", "node/scram", "protocols"},
	"node/cli/catalog":      {"datasets/published", "node/audit", "node/failure", "node/quality", "node/render"},
	"node/cli/rights":       {"engine", "engine/policy", "node/audit", "node/client", "node/failure", "node/peers", "node/render", "protocols"},
	"node/notify":           {"node/audit", "node/config", "node/disk", "node/failure"},
	"node/cli/standing":     {"engine", "engine/policy", "engine/standing", "node/audit", "node/cli/rights", "node/client", "node/disk", "node/failure", "node/render", "protocols"},
	"node/cli/trail":        {"engine/policy", "node/audit", "node/failure", "node/render"},
	"node/cli/rehearse":     {"circuits", "datasets/standin", "engine", "node/cli/rights", "node/client", "node/failure", "node/render", "protocols"},
	"node/cli/shadow":       {"engine", "node/config", "node/failure", "node/render", "node/shadow"},
	"node/shadow":           {"engine", "node/disk", "node/peers", "protocols"},
	"node/cli/people":       {"node", "node/config", "node/disk", "node/failure", "node/render", "node/scram"},
	"node/render":           {"datasets/published", "datasets/standin", "engine", "engine/policy", "engine/privacy", "node", "node/audit", "node/client", "node/config", "node/failure", "node/machine", "protocols"},
	"node/quality":          {"datasets/published", "engine", "node/disk"},
	"node/nodetest":         {"circuits", "node/failure", "node/peers", "protocols", "protocols/mhe/tiny"},
	"node/nodetest/testnet": {"datasets", "engine", "engine/policy", "engine/policy/open", "node", "node/audit", "node/client", "node/config", "node/disk", "node/nodetest", "node/peers", "protocols", "protocols/mhe/tiny"},
	"node/nodetest/forged":  {"circuits", "engine", "engine/policy", "node/exchange", "node/ledger", "node/nodetest", "node/peers", "protocols"},
	"node/audit":            {"engine", "engine/policy", "protocols", "circuits", "node/disk", "node/exchange", "node/failure", "node/ledger", "node/peers"},
	"node/client":           {"engine", "engine/policy", "protocols", "circuits", "node/exchange", "node/failure", "node/machine", "node/peers"},
	"node/machine":          {"engine", "protocols", "node/peers"},
	"node/exchange":         {"engine", "protocols", "circuits", "node/disk", "node/failure", "node/ledger", "node/machine", "node/peers"},

	"node/stories/doors/golang": {}, // a client, in a module of its own
}

// roomLines and roomFiles are where a package has become two, tests left out.
const roomLines, roomFiles = 5000, 25

// halls are packages over that, and why they stay.
var halls = map[string]string{
	"node/pgwire/catalog": "a fifth of it is tables of what PostgreSQL knows of its types, functions and relations",
	"engine":              "binder, rounds and reports call each other by nature: a split would export the binder",
	"protocols":           "the referee and the machines share the state's types",
}

// openers are the files that may open a table to everybody: those that print a demonstration.
var openers = []string{"bench/against.go", "node/cli/processes.go", "node/nodetest/testnet/rights.go"}

// TestOpenPolicy: no node publishes a policy that allows everything, with no setting and no flag: only
// tests and demonstrations have one.
func TestOpenPolicy(t *testing.T) {
	for _, paths := range goFiles(t) {
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") || slices.Contains(openers, filepath.ToSlash(path)) {
				continue
			}
			if slices.Contains(importsOf(t, path), "parley/engine/policy/open") {
				t.Errorf("%s imports engine/policy/open, which opens tables to everybody", path)
			}
		}
	}
}

// TestSizes: a package is small enough to be read as one thing.
func TestSizes(t *testing.T) {
	files, lines := map[string]int{}, map[string]int{}
	for _, paths := range goFiles(t) {
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			folder := filepath.ToSlash(filepath.Dir(path))
			files[folder]++
			lines[folder] += strings.Count(string(text), "\n")
		}
	}
	for folder := range files {
		if over := files[folder] > roomFiles || lines[folder] > roomLines; over && halls[folder] == "" {
			t.Errorf("%s has %d files and %d lines", folder, files[folder], lines[folder])
		} else if !over && halls[folder] != "" {
			t.Errorf("%s is no hall any more: %d files and %d lines", folder, files[folder], lines[folder])
		}
	}
}

// TestRooms holds the direction of imports among the rooms of node.
func TestRooms(t *testing.T) {
	for _, path := range goFiles(t)["node"] {
		folder := filepath.ToSlash(filepath.Dir(path))
		allowed, listed := rooms[folder]
		if strings.HasSuffix(path, "_test.go") || folder == "node" || folder == "node/stories" {
			continue
		}
		if !listed {
			t.Errorf("%s: which packages may %s import?", path, folder)
		}
		for _, name := range importsOf(t, path) {
			if own, ok := strings.CutPrefix(name, "parley/"); ok && !slices.Contains(allowed, own) {
				t.Errorf("%s imports %s", path, name)
			}
		}
	}
}

// TestLayout: each folder has its specification, names say what a thing is, and no file has
// grown past what one reads in a sitting.
func TestLayout(t *testing.T) {
	for _, folder := range []string{"engine", "protocols", "node", "circuits", "datasets", "bench"} {
		if _, err := os.Stat(filepath.Join(folder, "README.md")); err != nil {
			t.Errorf("%s has no specification: %v", folder, err)
		}
	}
	for _, paths := range goFiles(t) {
		for _, path := range paths {
			for _, word := range []string{"utils", "common", "manager", "helpers", "misc"} {
				if strings.Contains(strings.ToLower(filepath.Base(path)), word) {
					t.Errorf("%s: %q says nothing", path, word)
				}
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(text), "\n"); n > maxLines {
				t.Errorf("%s has %d lines", path, n)
			}
		}
	}
}

// TestSuites: .ci/run names the same batteries as the README, and picks by name exactly the tests that need -heavy, that
// take samples, and that can be fuzzed, so that none is left out of it unnoticed.
func TestSuites(t *testing.T) {
	text := func(path string) string {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	script := text(".ci/run")
	setting := func(name string) string {
		found := regexp.MustCompile(`(?m)^` + name + `='?\(?([^'\n]*?)\)?'?$`).FindStringSubmatch(script)
		if found == nil {
			t.Fatalf(".ci/run sets no %s", name)
		}
		return found[1]
	}
	var table []string
	for _, row := range regexp.MustCompile("(?m)^\\| `bash .ci/run --long (\\w+)`").FindAllStringSubmatch(text("README.md"), -1) {
		table = append(table, row[1])
	}
	if batteries := strings.Fields(setting("batteries")); !slices.Equal(batteries, table) {
		t.Errorf(".ci/run has the batteries %v, README.md's table %v", batteries, table)
	}
	for _, c := range []struct{ folder, calls, chosen string }{
		{"node/stories", "parley(t)", setting("heavy") + "|^(TestKillMinusNine.*|TestLiarDemo)$"},
		{"node/stories", "openDoors(t)", "^TestDoors$"}, // the step "doors"
		{"protocols", "amount(", setting("sampled")},
	} {
		pattern := regexp.MustCompile(regexp.MustCompile(`/[^|]*`).ReplaceAllString(c.chosen, ""))
		for name, body := range testsIn(t, c.folder) {
			switch chosen, calls := pattern.MatchString(name), strings.Contains(body, c.calls); {
			case calls && !chosen && name != t.Name():
				t.Errorf("%s calls %s, and .ci/run does not run it", name, c.calls)
			case chosen && !calls && name != "TestScripts":
				t.Errorf(".ci/run names %s, which does not call %s", name, c.calls)
			}
		}
	}
	fuzzed := strings.Fields(setting("fuzzed"))
	for folder, paths := range goFiles(t) {
		for _, path := range paths {
			if strings.Contains(text(path), "\nfunc Fuzz") && !slices.Contains(fuzzed, filepath.Dir(path)) {
				t.Errorf("%s has fuzz targets, and .ci/run does not fuzz %s", path, folder)
			}
		}
	}
}

// testsIn are the texts of a folder's tests by name.
func testsIn(t *testing.T, folder string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, raw, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") {
				tests[f.Name.Name] = string(raw[f.Pos()-1 : f.End()-1])
			}
		}
	}
	return tests
}

// TestHouseSentences: what the program says points at no page of its sources.
func TestHouseSentences(t *testing.T) {
	for folder, paths := range goFiles(t) {
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") || folder == "bench" {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if ok && lit.Kind == token.STRING && (strings.Contains(lit.Value, "README") || strings.Contains(lit.Value, " section ")) {
					t.Errorf("%s says %s", path, lit.Value)
				}
				return true
			})
		}
	}
}
