package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"parley/datasets"
	"parley/engine"
	"parley/node/config"
	"parley/node/disk"
	"parley/protocols"
)

func (n *node) openTables(ctx context.Context) error {
	salt, err := loadSalt(filepath.Join(n.cfg.Dir, "salt"))
	if err != nil {
		return err
	}
	spill, err := n.makeSpill()
	if err != nil {
		return err
	}
	var registrations []engine.Registration
	for i, c := range n.cfg.Tables {
		data, err := openTable(ctx, c, salt, spill)
		if err != nil {
			return n.cfg.TableFault(i, err)
		}
		n.onClose(func() { data.Close() })
		n.tables = append(n.tables, &table{name: c.Name, data: data})
		if read, ok := data.(*datasets.Table); ok {
			for _, fault := range read.Aside() { // without its text, which quotes a value; explain shows it
				n.log.Warn("column set aside", "table", c.Name, "column", fault.Field, "file", fault.File, "line", fault.Line, "row", fault.Row)
			}
		}
		registrations = append(registrations, data.Registration(n.cfg.Name, 1))
	}
	for i := range registrations {
		if err := protocols.CheckTables(n.cfg.Name, registrations[:i+1], len(n.founding.departments)); err != nil {
			return n.cfg.Fault(fmt.Sprintf("table[%d]", i), fmt.Errorf("tables: %w", err))
		}
	}
	for _, r := range registrations {
		n.log.Info("table", "name", r.Table, "rows", r.Rows, "columns", len(r.Columns))
	}
	if n.o.Described != nil {
		return n.o.Described(ctx, registrations)
	}
	return nil
}

// makeSpill makes the folder for rows that do not fit into memory, anew: what a crash left in it is gone.
func (n *node) makeSpill() (string, error) {
	path := filepath.Join(n.cfg.Dir, spillName)
	if err := os.RemoveAll(path); err != nil {
		return "", fmt.Errorf("emptying the folder %s: %w", path, disk.Explain(err))
	}
	n.onClose(func() { os.RemoveAll(path) })
	return path, disk.MakeDir(path)
}

const spillName = "spill"

func openTable(ctx context.Context, c config.Table, salt []byte, spill string) (dataset, error) {
	o := c.Reading()
	o.Salt, o.Spill = salt, spill
	return datasets.Open(ctx, c.Name, c.Files, o)
}
