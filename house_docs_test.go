package main_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	docLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	docQuoted  = regexp.MustCompile("`([^`\\s]+)`")
	docFile    = regexp.MustCompile(`^[\w./*-]+\.(go|md|sh|svg|txtar|csv)$`)
	docPath    = regexp.MustCompile(`^(\.ci|bench|circuits|datasets|docs|engine|findings|node|protocols|testdata)/[\w./*-]+$`)
	docTest    = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark|Example)[A-Z]\w+`)
	docHeading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	docSection = regexp.MustCompile(`^(\S+)\s+sections?\s+(\d[\d.]*(?:(?:, | and | to |–)\d[\d.]*)*)`)
	docReadme  = regexp.MustCompile(`[\w./-]*README(\.md)?`)
	docCode    = regexp.MustCompile(`\b[a-z]+\.(?:\w+\.)?\w+\b`)
	goDeclared = regexp.MustCompile(`(?m)^(?:func|type) (?:\(\w+ \*?(\w+).*?\) )?(\w+)`)
	goPackage  = regexp.MustCompile(`(?m)^(?://.*|.*\*/)\npackage \w+$`)
	goTest     = regexp.MustCompile(`(?m)^func (\w+)\(\w* ?\*testing\.\w+\)|^func (Example\w*)\(\)`)
	goComment  = regexp.MustCompile(`(?m)^\s*// ?`)
)

// repository is the text of all Go files, documents and pictures by path with slashes, and all paths.
func repository(t *testing.T) (texts map[string]string, paths map[string]bool) {
	t.Helper()
	texts, paths = map[string]string{}, map[string]bool{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		name = filepath.ToSlash(name)
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(name, ".git"):
			return filepath.SkipDir
		}
		paths[name] = true
		if ext := path.Ext(name); !d.IsDir() && (ext == ".go" || ext == ".md" || ext == ".svg") {
			raw, err := os.ReadFile(name)
			texts[name] = string(raw)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts, paths
}

// TestHouseDocs: what documents cite is there. Links lead to files and headings, files and tests
// that stand in backquotes exist, and sections that documents and comments name are headings of
// the README that they mean.
func TestHouseDocs(t *testing.T) {
	texts, paths := repository(t)
	tests := map[string]bool{}
	for _, text := range texts {
		for _, found := range goTest.FindAllStringSubmatch(text, -1) {
			tests[found[1]+found[2]] = true
		}
	}
	exists := func(folder, name string) bool {
		below, whole := path.Join(folder, name), path.Clean(name)
		if !strings.Contains(name, "*") {
			return paths[below] || paths[whole]
		}
		for have := range paths {
			for _, pattern := range []string{below, whole} {
				if ok, err := path.Match(pattern, have); ok && err == nil {
					return true
				}
			}
		}
		return false
	}
	for name, text := range texts {
		folder := path.Dir(name)
		checkSections(t, texts, name, text)
		if path.Ext(name) != ".md" {
			continue
		}
		for _, found := range docLink.FindAllStringSubmatch(text, -1) {
			file, heading, _ := strings.Cut(found[1], "#")
			if strings.Contains(found[1], "://") {
				continue
			}
			target := name
			if file != "" {
				target = path.Join(folder, file)
			}
			if !paths[target] || heading != "" && !slices.Contains(anchors(texts[target]), heading) {
				t.Errorf("%s: the link %s leads nowhere", name, found[1])
			}
		}
		for _, found := range docQuoted.FindAllStringSubmatch(text, -1) {
			cited := strings.TrimSuffix(found[1], "/")
			if (docFile.MatchString(cited) || docPath.MatchString(cited)) && !strings.Contains(cited, "...") && !exists(folder, cited) {
				t.Errorf("%s: there is no %s", name, cited)
			}
		}
		for _, test := range docTest.FindAllString(text, -1) {
			if !tests[test] {
				t.Errorf("%s: there is no test %s", name, test)
			}
		}
	}
}

// anchors are the names by which links lead to a document's headings.
func anchors(text string) (names []string) {
	for _, found := range docHeading.FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^\w -]`).ReplaceAllString(strings.ToLower(found[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// TestHouseCode: functions and types that docs/ names with their package are declared in it.
func TestHouseCode(t *testing.T) {
	texts, _ := repository(t)
	packages, declared := map[string]bool{}, map[string]bool{}
	for name, text := range texts {
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		of := path.Base(path.Dir(name))
		packages[of] = true
		for _, found := range goDeclared.FindAllStringSubmatch(text, -1) {
			if found[1] != "" {
				found[1] += "."
			}
			declared[of+"."+found[1]+found[2]] = true
		}
	}
	for name, text := range texts {
		if path.Dir(name) != "docs" {
			continue
		}
		for _, cited := range docCode.FindAllString(text, -1) {
			of, rest, _ := strings.Cut(cited, ".")
			if packages[of] && !slices.Contains([]string{"go", "md"}, rest) && !declared[cited] {
				t.Errorf("%s: nothing is called %s", name, cited)
			}
		}
	}
}

// TestHousePackages: each package says what it is, and for whom, where go doc shows it.
func TestHousePackages(t *testing.T) {
	texts, _ := repository(t)
	said := map[string]bool{}
	for name, text := range texts {
		if path.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go") {
			said[path.Dir(name)] = said[path.Dir(name)] || goPackage.MatchString(text)
		}
	}
	for folder, ok := range said {
		if !ok {
			t.Errorf("%s has no package comment", folder)
		}
	}
}

// checkSections compares the sections that a text cites with the numbered headings of the README
// that it means: the one that it names, else in a document that itself, and in a comment the
// nearest above that has numbered headings.
func checkSections(t *testing.T, texts map[string]string, name, text string) {
	t.Helper()
	numbered := func(readme string) (list []string) {
		for _, found := range docHeading.FindAllStringSubmatch(texts[readme], -1) {
			if number, _, _ := strings.Cut(found[1], " "); number[0] >= '0' && number[0] <= '9' {
				list = append(list, strings.TrimSuffix(number, "."))
			}
		}
		return list
	}
	document := path.Ext(name) == ".md"
	if !document && strings.Contains(text, "README") {
		text = goComment.ReplaceAllString(text, "")
	}
	for _, found := range sectionsIn(text) {
		readme, word := docReadme.FindString(found[1]), found[1]
		switch {
		case strings.HasSuffix(word, "DESIGN"):
			t.Errorf("%s cites a DESIGN, which is not here", name)
			continue
		case readme == "" && !document:
			continue
		case readme == "" && (strings.Trim(word, "0123456789/,") == "" || strings.HasSuffix(word, "'s")):
			continue // RFC 8949 section 4.2.1, eprint 2024/194 section 3
		case readme == "" || readme == "README":
			readme = name
			for dir := path.Dir(name); !document; dir = path.Dir(dir) {
				if readme = path.Join(dir, "README.md"); dir == "." || len(numbered(readme)) > 0 {
					break
				}
			}
		default:
			if below := path.Join(path.Dir(name), readme); texts[below] != "" {
				readme = below
			}
		}
		for _, number := range regexp.MustCompile(`\d+(\.\d+)*`).FindAllString(found[2], -1) {
			if !slices.Contains(numbered(readme), number) {
				t.Errorf("%s: %s has no section %s", name, readme, number)
			}
		}
	}
}

// sectionsIn finds the places where a text cites sections, each with the word before.
func sectionsIn(text string) (found [][]string) {
	for at := 0; ; {
		next := strings.Index(text[at:], "section")
		if next < 0 {
			return found
		}
		at += next
		before := strings.LastIndexAny(strings.TrimRight(text[:at], " \n"), " \n\t") + 1
		if one := docSection.FindStringSubmatch(text[before:min(at+100, len(text))]); one != nil {
			found = append(found, one)
		}
		at += len("section")
	}
}

// TestHouseTables: a README that lists files lists exactly those of its folder that are no tests,
// and each folder of code below.
func TestHouseTables(t *testing.T) {
	texts, _ := repository(t)
	for name, text := range texts {
		folder := path.Dir(name)
		_, table, ok := strings.Cut(text, "\n| file |")
		if path.Base(name) != "README.md" || !ok {
			continue
		}
		table, _, _ = strings.Cut(table, "\n\n")
		listed, there := map[string]bool{}, map[string]bool{}
		for _, row := range strings.Split(table, "\n") {
			first, _, _ := strings.Cut(strings.TrimPrefix(row, "|"), "|")
			for _, found := range docQuoted.FindAllStringSubmatch(first, -1) {
				if file := found[1]; strings.HasSuffix(file, "/") || strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") {
					listed[file] = false
				}
			}
		}
		for file := range texts {
			rest, below := strings.CutPrefix(file, folder+"/")
			if !below || !strings.HasSuffix(rest, ".go") || strings.HasSuffix(rest, "_test.go") {
				continue
			}
			if sub, _, deeper := strings.Cut(rest, "/"); deeper {
				rest = sub + "/"
			}
			for pattern := range listed {
				if ok, _ := path.Match(pattern, rest); ok {
					listed[pattern], there[rest] = true, true
				}
			}
			if !there[rest] {
				t.Errorf("%s does not list %s", name, rest)
			}
			there[rest] = true
		}
		for file, ok := range listed {
			if !ok {
				t.Errorf("%s lists %s, which is not there", name, file)
			}
		}
	}
}
