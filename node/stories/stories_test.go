package stories

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"parley/engine/policy/open"
	"parley/node/cli"
	"parley/node/failure"
	"parley/node/peers"
)

// heavy runs the stories that start departments: they make proving keys once and take minutes.
var heavy = flag.Bool("heavy", false, "also run the stories that need proving keys")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"parley": func() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScripts runs the user stories in testdata/script, each against the real command.
func TestScripts(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	shared, err := filepath.Abs("../../../shared/data")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("XDG_CACHE_HOME", cache) // development keys are made once, not once a story
			env.Setenv("SHARED", shared)
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "heavy":
				return *heavy, nil
			case "shared":
				_, err := os.Stat(shared)
				return err == nil, nil
			}
			return false, fmt.Errorf("no condition %q", name)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "json": checkJSON, "mode": checkMode, "split": split, "noprocess": noProcess,
			"bytes": writeBytes, "join": join, "await": await, "until": until, "signal": sendSignal, "flip": flip,
			"shape": shape, "after": after, "opens": opens, "take": take, "peer": peerOf,
		},
	})
}

// exits runs a command and checks its exit status: exits 2 parley ...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// checkJSON checks that standard output is one JSON object, and a value in it: json error.code column. A value of *
// asks only that it is there, - that it is not.
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	decoder := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	var object map[string]any
	ts.Check(decoder.Decode(&object))
	if _, err := decoder.Token(); err != io.EOF {
		ts.Fatalf("more than one JSON value on standard output")
	}
	for len(args) > 1 {
		got, found := lookUp(object, strings.Split(args[0], "."))
		want := args[1]
		switch {
		case want == "-" && !found, want == "*" && found, found && got == want:
		default:
			ts.Fatalf("%s is %q (found: %v), want %q", args[0], got, found, want)
		}
		args = args[2:]
	}
}

// take keeps a value of the JSON object on standard output as a variable: take REQUEST requests.0.id.
func take(ts *testscript.TestScript, neg bool, args []string) {
	var object map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &object))
	value, found := lookUp(object, strings.Split(args[1], "."))
	if !found {
		ts.Fatalf("there is no %s", args[1])
	}
	ts.Setenv(args[0], value)
}

// peerOf keeps the peer id that init printed into FOLDER.txt as a variable: peer NAME FOLDER.
func peerOf(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv(args[0], regexp.MustCompile(`peer id +(\S+)`).FindStringSubmatch(ts.ReadFile(args[1] + ".txt"))[1])
}

func lookUp(v any, path []string) (string, bool) {
	for _, key := range path {
		switch at := v.(type) {
		case map[string]any:
			value, found := at[key]
			if !found {
				return "", false
			}
			v = value
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(at) {
				return "", false
			}
			v = at[i]
		default:
			return "", false
		}
	}
	if text, ok := v.(string); ok {
		return text, true
	}
	text, err := json.Marshal(v)
	return string(text), err == nil
}

// checkMode checks a file's permissions: mode 0600 FILE.
func checkMode(ts *testscript.TestScript, neg bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// split writes the lines of a CSV file into one file for each value of a column: split FILE COLUMN.
func split(ts *testscript.TestScript, neg bool, args []string) {
	lines := strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n")
	column := -1
	for i, name := range strings.Split(lines[0], ",") {
		if name == args[1] {
			column = i
		}
	}
	if column < 0 {
		ts.Fatalf("no column %q", args[1])
	}
	parts := map[string][]string{}
	for _, line := range lines[1:] {
		value := strings.Split(line, ",")[column]
		parts[value] = append(parts[value], line)
	}
	for value, rows := range parts {
		text := strings.Join(append([]string{lines[0]}, rows...), "\n") + "\n"
		ts.Check(os.WriteFile(ts.MkAbs(value+".csv"), []byte(text), 0o644))
	}
}

// writeBytes writes a file that a story cannot hold as text: bytes FILE HEX.
func writeBytes(ts *testscript.TestScript, neg bool, args []string) {
	content, err := hex.DecodeString(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), content, 0o644))
}

// flip changes one bit of a byte of a file: flip FILE POSITION.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	content, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	content[at] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), content, 0o600))
}

// join edits the node.toml files of departments as their operators would, so that they are one network at light
// parameters on this machine: join ANALYST DEPARTMENT... takes folders made by init, whose output is in FOLDER.txt. Each
// department's table is FOLDER.csv.
func join(ts *testscript.TestScript, neg bool, args []string) {
	ids, addresses := map[string]string{}, map[string]string{}
	ports, err := peers.FreePorts(len(args))
	ts.Check(err)
	for i, folder := range args {
		peer := regexp.MustCompile(`peer id +(\S+)`).FindStringSubmatch(ts.ReadFile(folder + ".txt"))
		ids[folder] = peer[1]
		addresses[folder] = fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", ports[i])
	}
	for _, folder := range args[1:] {
		var others string
		for _, other := range args[1:] {
			if other != folder {
				others += fmt.Sprintf("  %q,\n", addresses[other]+"/p2p/"+ids[other])
			}
		}
		file := ts.MkAbs(folder + "/node.toml")
		text, err := os.ReadFile(file)
		ts.Check(err)
		edited := strings.NewReplacer(
			"/ip4/0.0.0.0/tcp/4001", addresses[folder],
			"#  \"/ip4/192.0.2.10/tcp/4001/p2p/12D3KooW...\",\n", others,
			"#  \"12D3KooW...\",\n", fmt.Sprintf("  %q,\n", ids[args[0]]),
			`parameters = "default"`, `parameters = "light"`,
		).Replace(string(text))
		edited += fmt.Sprintf("[[table]]\nname = \"t\"\nfiles = [%q]\nclass = \"unconditional\"\n", "../"+folder+".csv")
		ts.Check(os.WriteFile(file, []byte(edited), 0o600))
	}
	ts.Setenv("ANALYST", ids[args[0]])
	for _, folder := range args[1:] {
		ts.Setenv(strings.ToUpper(folder), addresses[folder]+"/p2p/"+ids[folder])
	}
	ts.Setenv("NODE", ts.Getenv(strings.ToUpper(args[1])))
}

// opens has departments vouch for a steward each, who publishes the policy that answers every analyst, by the
// commands that they would use: opens DEPARTMENT... takes folders that join has edited, of nodes that run. The steward's
// identity is in FOLDER-steward.
func opens(ts *testscript.TestScript, neg bool, args []string) {
	for _, folder := range args {
		ts.Check(ts.Exec("parley", "init", folder+"-steward"))
		peer := regexp.MustCompile(`peer id +(\S+)`).FindStringSubmatch(ts.ReadFile("stdout"))
		ts.Check(ts.Exec("parley", "people", "add", "--config", folder+"/node.toml", "--name", "Steward of "+folder, "--role", "steward", peer[1]))
		document := open.Policy(folder, "t")
		ts.Check(os.WriteFile(ts.MkAbs(folder+"-policy.toml"), []byte(document.Text()), 0o600))
		ts.Check(ts.Exec("parley", "policy", "publish", "--node", ts.Getenv(strings.ToUpper(folder)), "--identity", folder+"-steward/identity.key", folder+"-policy.toml"))
	}
}

// await waits until a file holds a text: await FILE TEXT.
func await(ts *testscript.TestScript, neg bool, args []string) {
	for until := time.Now().Add(3 * time.Minute); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if text, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(text), args[1]) {
			return
		}
	}
	ts.Fatalf("%s does not hold %q", args[0], args[1])
}

// until runs a command until its standard output holds a text: until TEXT parley ...
func until(ts *testscript.TestScript, neg bool, args []string) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		_ = ts.Exec(args[1], args[2:]...) // its exit status says what its output says
		if strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
	}
	ts.Fatalf("not in a minute: %q", args[0])
}

// sendSignal sends a node, by its status.json, a signal that kill does not know: signal HUP FILE.
func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	var status struct{ PID int }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &status))
	ts.Check(syscall.Kill(status.PID, map[string]syscall.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM}[args[0]]))
}

// noProcess checks that soon no department's process is left that was started from the story's folder.
func noProcess(ts *testscript.TestScript, neg bool, args []string) {
	left := ""
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if left = supervisedIn(ts.Getenv("WORK")); left == "" {
			return
		}
	}
	ts.Fatalf("still running: %s", left)
}

func supervisedIn(folder string) string {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is right, and that is the only error
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(line), folder) && strings.Contains(string(line), "--supervised") {
			return strings.ReplaceAll(string(line), "\x00", " ")
		}
	}
	return ""
}

// variable is what differs from run to run, and what stands for it.
var variable = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`[0-9a-f]{64}`), "DIGEST"},
	{regexp.MustCompile(`certificate [0-9a-f]{12}`), "certificate DIGEST"},
	{regexp.MustCompile(`(screening\s+)[0-9a-f]{12}`), "${1}DIGEST"},
	{regexp.MustCompile(`…\w{8}`), "…ANALYST"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`), "TIME"},
	{regexp.MustCompile(`(?s)time         \d.*?all\s+processes`), "time         WHERE IT WENT"},
	{regexp.MustCompile(`(?m)^ +\+\d+\.\d{3}s  block \d+ +`), "  AFTER  BLOCK  "},
	{regexp.MustCompile(`(BLOCK  )(?:nanjing|suzhou|wuxi) *`), "${1}DEPARTMENT  "}, // in any order
	{regexp.MustCompile(`(?m)^  AFTER  BLOCK  auditor.*\n`), ""},                   // it may come after the answer
	{regexp.MustCompile(`block \d+`), "block N"},
}

// shape writes what the last command printed, without what differs from run to run, into a file, and
// checks that no line is wider than 80 columns: shape FILE.
func shape(ts *testscript.TestScript, neg bool, args []string) {
	text := strings.ReplaceAll(ts.ReadFile("stdout"), ts.Getenv("WORK"), "WORK")
	text = regexp.MustCompile(`\S*/bin/parley`).ReplaceAllString(text, "parley")
	for line := range strings.Lines(text) {
		if failure.DisplayWidth(strings.TrimSuffix(line, "\n")) > 80 {
			ts.Fatalf("wider than 80 columns: %s", line)
		}
	}
	for _, v := range variable {
		text = v.pattern.ReplaceAllString(text, v.text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// after writes what the last command printed after a line into a file: after LINE FILE.
func after(ts *testscript.TestScript, neg bool, args []string) {
	_, rest, found := strings.Cut(ts.ReadFile("stdout"), args[0]+"\n")
	if !found {
		ts.Fatalf("%q was not printed", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(rest), 0o600))
}
