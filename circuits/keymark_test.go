package circuits

import (
	"errors"
	"os"
	"testing"
)

// TestMarkIsThisUsers: a mark that is not this user's own untouched file does not spare a hostile
// key its check, whatever it says.
func TestMarkIsThisUsers(t *testing.T) {
	if testing.Short() {
		t.Skip("a key is made, written and read for each case")
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(path string){
		"writable by its group": func(path string) { must(os.Chmod(path, 0o620)) },
		"writable by all":       func(path string) { must(os.Chmod(path, 0o606)) },
		"readable by all":       func(path string) { must(os.Chmod(path, 0o644)) },
		"read only":             func(path string) { must(os.Chmod(path, 0o400)) },
		"executable":            func(path string) { must(os.Chmod(path, 0o700)) },
		"a link to the mark":    func(path string) { must(os.Rename(path, path+"2")); must(os.Symlink(path+"2", path)) },
		"cut":                   func(path string) { must(os.Truncate(path, 63)) },
		"empty":                 func(path string) { must(os.Truncate(path, 0)) },
		"longer":                func(path string) { must(os.Truncate(path, 66)) },
		"a folder":              func(path string) { must(os.Remove(path)); must(os.Mkdir(path, 0o600)) },
		"another user's": func(path string) {
			if os.Geteuid() == 0 {
				must(os.Chown(path, 12345, -1))
			} else {
				must(os.Remove(path)) // only root can give it away
			}
		},
	} {
		keys := plant(t, plantedOnDigit)
		entry := keys.entries[StatementKeyShare]
		must(keys.mark(StatementKeyShare, entry))
		if !keys.checked(StatementKeyShare, entry) {
			t.Fatal("the mark is not taken at all")
		}
		change(keyFile(keys.dir, entry.layout, "checked"))
		if err := keys.Preload(StatementKeyShare); !errors.Is(err, ErrBrokenKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
