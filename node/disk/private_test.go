package disk

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPrivate: a folder in which, or in place of which, others could put files is refused.
func TestPrivate(t *testing.T) {
	const open = "others can write to"
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		make func(at string) string // gives the folder
		want string
	}{
		{"own", func(at string) string { return at }, ""},
		{"readable by others", func(at string) string { must(os.Chmod(at, 0o755)); return at }, ""},
		{"writable by its group", func(at string) string { must(os.Chmod(at, 0o770)); return at }, open},
		{"writable by all", func(at string) string { must(os.Chmod(at, 0o777)); return at }, open},
		{"itself sticky and writable", func(at string) string { must(os.Chmod(at, 0o777|os.ModeSticky)); return at }, open},
		{"in a writable one", func(at string) string {
			must(os.Chmod(at, 0o777))
			return filepath.Join(at, "keys")
		}, open},
		{"two below a writable one", func(at string) string {
			must(os.Chmod(at, 0o772))
			return filepath.Join(at, "parley", "keys")
		}, open},
		{"in a sticky one", func(at string) string {
			must(os.Chmod(at, 0o777|os.ModeSticky))
			return filepath.Join(at, "keys")
		}, ""},
		{"a link to a writable one", func(at string) string {
			target := filepath.Join(at, "target")
			must(os.Mkdir(target, 0o700))
			must(os.Chmod(target, 0o777))
			must(os.Symlink(target, filepath.Join(at, "link")))
			return filepath.Join(at, "link")
		}, open},
		{"a link that stands in a writable one", func(at string) string {
			shared := filepath.Join(at, "shared")
			must(os.Mkdir(shared, 0o700))
			must(os.Chmod(shared, 0o777))
			target := filepath.Join(at, "target")
			must(os.Mkdir(target, 0o700))
			must(os.Symlink(target, filepath.Join(shared, "link")))
			return filepath.Join(shared, "link")
		}, open},
		{"a link to an own one", func(at string) string {
			target := filepath.Join(at, "target")
			must(os.Mkdir(target, 0o700))
			must(os.Symlink(target, filepath.Join(at, "link")))
			return filepath.Join(at, "link")
		}, ""},
		{"another user's", func(at string) string {
			if os.Geteuid() != 0 {
				return ""
			}
			must(os.Chown(at, 12345, -1))
			return at
		}, "belongs to another user"},
		{"in another user's", func(at string) string {
			if os.Geteuid() != 0 {
				return ""
			}
			dir := filepath.Join(at, "keys")
			must(os.Mkdir(dir, 0o700))
			must(os.Chown(at, 12345, -1))
			return dir
		}, "belongs to another user"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at := filepath.Join(t.TempDir(), "at it's")
			must(os.Mkdir(at, 0o700))
			dir := c.make(at)
			if dir == "" {
				t.Skip("only root can give a folder away")
			}
			err := MakePrivate(dir)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
			// What it tells to do mends it, and no other folder.
			_, mend, told := strings.Cut(fmt.Sprint(err), "mend it with: ")
			if told != (c.want == open) { // another user's folder is not mended, for what is in it is theirs
				t.Fatalf("%v: told what to do: %v", err, told)
			}
			if told {
				if out, err := exec.Command("sh", "-c", strings.TrimSuffix(mend, ")")).CombinedOutput(); err != nil {
					t.Fatalf("%s: %v: %s", mend, err, out)
				}
				if err := MakePrivate(dir); err != nil {
					t.Errorf("after %s: %v", mend, err)
				}
			}
		})
	}
}
