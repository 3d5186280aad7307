package cli

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill the child when the thread that started it is gone, and keeps the child out of
// the terminal's interrupt: the parent ends its children itself.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
