package datasets

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// peakMemory is the most memory that the process ever had, in bytes.
func peakMemory(t *testing.T) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// TestTextMemory: a column of text, of 71 bytes a value, takes at most 1.8 times its
// size while it is read and held (README, section 9). It measures in a
// process of its own.
func TestTextMemory(t *testing.T) {
	const most = 1.8
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("a process of its own, which reads 192 MB")
	}
	if file := os.Getenv("PARLEY_TEXT_FILE"); file != "" {
		openText(t, "x,v\na,1\n")
		runtime.GC()
		before := peakMemory(t)
		table, err := Open(context.Background(), "t", []string{file}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("peak %d rows %d\n", peakMemory(t)-before, table.Rows())
		table.Close()
		return
	}
	megabytes := 192
	if n, err := strconv.Atoi(os.Getenv("PARLEY_TEXT_MEGABYTES")); err == nil {
		megabytes = n
	}
	path := t.TempDir() + "/text.csv"
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	w.WriteString("x\n")
	const width = 72
	rows := megabytes << 20 / width
	for i := range rows {
		fmt.Fprintf(w, "x%0*x\n", width-1, uint64(i)*0x9E3779B97F4A7C15)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	command := exec.Command(os.Args[0], "-test.run", "^TestTextMemory$", "-test.v")
	command.Env = append(os.Environ(), "PARLEY_TEXT_FILE="+path)
	out, err := command.CombinedOutput()
	var peak, read int64
	at := strings.Index(string(out), "peak ")
	if err != nil || at < 0 {
		t.Fatalf("%v: %s", err, out)
	}
	fmt.Sscanf(string(out[at:]), "peak %d rows %d", &peak, &read)
	times := float64(peak) / float64(rows*width)
	t.Logf("%d rows, %d MB of text, peak %d MB, %.2f times", read, megabytes, peak>>20, times)
	if read != int64(rows) || times > most {
		t.Errorf("%.2f times the text, at most %.1f", times, most)
	}
}
