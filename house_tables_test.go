package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// tables are the functions whose answer follows from the tables of Unicode, or from the zone and
// the clock, of the toolchain and the machine that a node was built and runs on.
var tables = map[string][]string{
	"unicode": nil, // all of it
	"regexp":  nil,
	"strings": {"EqualFold", "Fields", "Title", "ToLower", "ToLowerSpecial", "ToTitle", "ToTitleSpecial", "ToUpper", "ToUpperSpecial", "TrimSpace"},
	"bytes":   {"EqualFold", "Fields", "Title", "ToLower", "ToLowerSpecial", "ToTitle", "ToTitleSpecial", "ToUpper", "ToUpperSpecial", "TrimSpace"},
	"strconv": {"IsGraphic", "IsPrint", "Quote", "QuoteRune", "QuoteRuneToGraphic", "QuoteToGraphic"},
	"time":    {"Local", "LoadLocation", "Now", "ParseInLocation", "Since", "Until"},
}

// tablesAllowed is where one of them decides nothing that nodes must agree on.
var tablesAllowed = map[string]string{
	"engine/names.go strconv.Quote":    "in the text of a refusal, which is one node's",
	"engine/sql_bind.go strconv.Quote": "in the text of a refusal, which is one node's",
	"engine/describe.go strconv.Quote": "what explain shows",
	// Patterns are of RE2 without classes of Unicode and without regard to case: no table decides.
	"engine/row_match.go regexp.Regexp":  "of a pattern without tables",
	"engine/row_match.go regexp.Compile": "of a pattern without tables",
}

// TestConsensusNeedsNoTables: what the referee decides, and what a plan means, is the same in
// nodes of two Go versions and in two countries. It holds the packages in which both are made.
func TestConsensusNeedsNoTables(t *testing.T) {
	used := map[string]bool{}
	for _, folder := range []string{"protocols", "engine"} {
		for _, path := range goFiles(t)[folder] {
			if path = filepath.ToSlash(path); strings.HasSuffix(path, "_test.go") {
				continue
			}
			for _, f := range tablesIn(t, path, nil) {
				if key := path + " " + f; tablesAllowed[key] == "" {
					t.Errorf("%s uses %s", path, f)
				} else {
					used[key] = true
				}
			}
		}
	}
	for key := range tablesAllowed {
		if !used[key] {
			t.Errorf("%s is not used any more", key)
		}
	}
}

// tablesIn lists the functions of tables that a file uses.
func tablesIn(t *testing.T, path string, text any) (found []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	packages := map[string]string{} // by the name in this file
	for _, spec := range f.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "golang.org/x/text") {
			found = append(found, name)
		}
		local := name[strings.LastIndex(name, "/")+1:]
		if spec.Name != nil {
			local = spec.Name.Name
		}
		packages[local] = name
		if _, ok := tables[name]; ok && local == "." {
			found = append(found, name)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if p, ok := selector.X.(*ast.Ident); ok {
			name := packages[p.Name]
			functions, bad := tables[name]
			if bad && (functions == nil || slices.Contains(functions, selector.Sel.Name)) && !slices.Contains(found, name+"."+selector.Sel.Name) {
				found = append(found, name+"."+selector.Sel.Name)
			}
		}
		return true
	})
	return found
}

// TestTablesAreFound: the search finds what it is for.
func TestTablesAreFound(t *testing.T) {
	for text, want := range map[string]int{
		`import "unicode"; var _ = unicode.IsPrint('a')`:                       1,
		`import u "unicode"; var _ = u.Cf`:                                     1,
		`import . "unicode"; var _ = IsPrint('a')`:                             1,
		`import "strings"; var _ = strings.TrimSpace("")`:                      1,
		`import s "strings"; var f = s.EqualFold`:                              1,
		`import "bytes"; var _ = bytes.Fields(nil)`:                            1,
		`import "strconv"; var _ = strconv.Quote("")`:                          1,
		`import "regexp"; var _ = regexp.MustCompile("\\p{L}")`:                1,
		`import "time"; var _ = time.Now().In(time.Local)`:                     2,
		`import "golang.org/x/text/cases"; var _ = cases.Fold()`:               1,
		`import "strings"; var _ = strings.Cut`:                                0,
		`import "unicode/utf8"; var _ = utf8.ValidString("")`:                  0,
		`import "strconv"; var _ = strconv.Itoa(1)`:                            0,
		`type unicode struct{ IsPrint int }; var x unicode; var _ = x.IsPrint`: 0,
	} {
		if got := tablesIn(t, "x.go", "package x\n"+text); len(got) != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
