package protocols

import (
	"fmt"

	"parley/engine"
)

// CheckTables tells what the referee will refuse of a department's first registrations, before any
// node starts, in a network of so many departments: a name, a table's own limits, an entry that is
// too long, too many tables, and more than the department's share of the catalogue. It costs
// encoding them once.
func CheckTables(department string, tables []engine.Registration, departments int) error {
	if err := checkName(department); err != nil {
		return fmt.Errorf("department %+q: %w", department, err)
	}
	if len(tables) > MaxTables {
		return fmt.Errorf("department %q has %d tables: it may have %d", department, len(tables), MaxTables)
	}
	total, share := 0, MaxCatalogueBytes/max(1, departments)
	for _, r := range tables {
		body := Register{Registration: r}
		if err := body.check(); err != nil {
			return err
		}
		bytes := len(engine.Marshal(&body))
		if limit := KindRegister.bodyLimit(); bytes > limit {
			return fmt.Errorf("table %q of department %q takes %d bytes on the ledger, over the limit of %d: fewer columns, or fewer distinct values",
				r.Table, department, bytes, limit)
		}
		if total += bytes; total > share {
			return fmt.Errorf("the tables of department %q take more than %d bytes on the ledger, its share among %d departments: fewer columns, or fewer distinct values",
				department, share, departments)
		}
	}
	return nil
}
