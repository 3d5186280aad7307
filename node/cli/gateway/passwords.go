package gateway

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"parley/node/disk"
	"parley/node/failure"
	"parley/node/peers"
	"parley/node/scram"
)

// The files of logins in a gateway's folder.
const (
	peopleFolder = "people"   // a folder a person, by peer id
	verifierFile = "verifier" // what the gateway checks a password by
	passwordFile = "password" // one that the gateway made up; none where the person has set one
	pgpassFile   = "pgpass"   // those passwords, as PostgreSQL's programs read them
	answersName  = "answers"
	secretFile   = "secret"
)

// ofPerson is a person's folder.
func ofPerson(dir, peer string) string { return filepath.Join(dir, peopleFolder, peer) }

// readVerifier reads what is kept of a person's password.
func readVerifier(dir, peer string) (scram.Verifier, error) {
	text, err := readFile(filepath.Join(ofPerson(dir, peer), verifierFile), true)
	if err != nil {
		return scram.Verifier{}, err
	}
	return scram.Parse(strings.TrimSuffix(string(text), "\n"))
}

// ensurePassword makes a password up for a person who has none.
func ensurePassword(dir, peer string) error {
	if _, err := readVerifier(dir, peer); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return setPassword(dir, peer, rand.Text(), true)
}

// setPassword keeps what is needed of a password, and the password itself if it was made up.
func setPassword(dir, peer, password string, made bool) error {
	v, err := scram.New(password)
	if err != nil {
		return err
	}
	own := ofPerson(dir, peer)
	if err := disk.MakeDir(own); err != nil {
		return err
	}
	file := filepath.Join(own, passwordFile)
	if made {
		err = disk.WriteFile(file, []byte(password+"\n"))
	} else if err = os.Remove(file); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return err
	}
	return disk.WriteFile(filepath.Join(own, verifierFile), []byte(v.Text()+"\n"))
}

// changePassword puts a password of the person's own in the place of the one that was made up, which pgpass then no longer has.
func changePassword(dir, peer, password string) error {
	before, err := madePassword(dir, peer)
	if err != nil {
		return err
	}
	if err := setPassword(dir, peer, password, false); err != nil || before == "" {
		return err
	}
	path := filepath.Join(dir, pgpassFile)
	text, err := readFile(path, true)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var left strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, ":"+escaped(before)+"\n") {
			left.WriteString(line)
		}
	}
	return disk.WriteFile(path, []byte(left.String()))
}

// madePassword is the one that was made up for a person; "" where the person has set one.
func madePassword(dir, peer string) (string, error) {
	text, err := readFile(filepath.Join(ofPerson(dir, peer), passwordFile), true)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSuffix(string(text), "\n"), err
}

// writePgpass writes the passwords that were made up, for whatever host and port: they are good for this gateway alone.
func writePgpass(dir string, users []user) error {
	var b strings.Builder
	for _, u := range users {
		password, err := madePassword(dir, u.Peer)
		if err != nil {
			return err
		}
		if password == "" {
			continue
		}
		for _, name := range []string{u.Name, u.Peer} {
			fmt.Fprintf(&b, "*:*:*:%s:%s\n", escaped(name), escaped(password))
		}
	}
	return disk.WriteFile(filepath.Join(dir, pgpassFile), []byte(b.String()))
}

// escaped is a field of a pgpass file.
func escaped(s string) string { return strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(s) }

// readSecret reads the secret of the folder, and makes it at the first start.
func readSecret(dir string) ([]byte, error) {
	path := filepath.Join(dir, secretFile)
	b, err := readFile(path, true)
	if errors.Is(err, fs.ErrNotExist) {
		b = make([]byte, 32)
		rand.Read(b) // never fails (crypto/rand)
		return b, disk.WriteFile(path, b)
	}
	if err == nil && len(b) != 32 {
		err = fmt.Errorf("%s is damaged: remove it, and it is made anew", path)
	}
	return b, err
}

func (s Shell) passwd() *cobra.Command {
	var identity, dir string
	cmd := &cobra.Command{
		Use:   "passwd --identity FILE",
		Short: "set the password by which a person logs in to the gateway",
		Long: `Reads a password, twice from a terminal without showing it, or one line of standard input, and keeps what is needed to check it in the
gateway's folder, mode 0600. It takes the place of the one that the gateway made up, and counts from the next login on.`,
		Args: s.Arguments(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if identity == "" {
				return failure.Usage("flag", "parley init DIR makes one", "parley gateway passwd needs --identity")
			}
			id, err := peers.LoadIdentity(identity)
			if err != nil {
				return failure.Usage("identity", "", "%s", err)
			}
			if dir, err = folder(dir); err != nil {
				return err
			}
			password, err := s.Password(cmd.Context(), id.Peer())
			if err != nil {
				return err
			}
			if err := scram.Check(password); err != nil {
				return failure.Refused("password", "choose another one", "%s", err)
			}
			if err := disk.MakePrivate(dir); err != nil {
				return failure.Refused("dir", "", "%s", err)
			}
			if err := changePassword(dir, id.Peer(), password); err != nil {
				return failure.Refused("write", "", "%s", err)
			}
			if *s.JSON {
				return s.PrintJSON(map[string]string{"peer": id.Peer(), "dir": dir})
			}
			return s.Print("a new password is set\n")
		},
	}
	cmd.Flags().StringVar(&identity, "identity", "", "the person's identity")
	addFolder(cmd, &dir)
	s.JSONFlag(cmd)
	return cmd
}
