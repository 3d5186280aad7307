package published

import (
	"fmt"

	"parley/engine"
)

// Keys are what is counted of a table's declared key.
type Keys struct {
	Rows    int64 // of the table
	Keys    int64 // different ones
	Present int64 // of them, those with a value in each column of the key
	Equal   int64 // of these, those whose key another row has too
	Most    int64 // rows of one key
	Beyond  int64 // keys with more rows than a person may have
}

// Add counts one more key, of so many rows, where a person may have as many as most.
func (k *Keys) Add(rows, most int64) {
	k.Keys, k.Present, k.Most = k.Keys+1, k.Present+rows, max(k.Most, rows)
	if rows > 1 {
		k.Equal += rows
	}
	if rows > most {
		k.Beyond++
	}
}

// Persons refuses what is declared of the rows of one person, whom the key then names, where the table is not so; 0: nothing is. It tells how
// many rows and keys are in the way, and of nobody who.
func (k Keys) Persons(most int64) error {
	switch without := k.Rows - k.Present; {
	case most < 0 || most > engine.MaxRowsPerPerson:
		return fmt.Errorf("rows_per_person is %d: it lies between 1 and %d", most, engine.MaxRowsPerPerson)
	case most == 0:
		return nil
	case without > 0:
		return fmt.Errorf("%s without a value in the key: under rows_per_person each row is somebody's, and nothing tells whose", engine.Plural(without, "row"))
	case k.Beyond > 0 || k.Most > most:
		return fmt.Errorf("a key stands in %s, and rows_per_person is %d; keys that stand in more than that: %d", engine.Plural(k.Most, "row"), most, k.Beyond)
	}
	return nil
}
