package rehearsal

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Person is somebody whom tables name by several spellings of one id.
type Person struct {
	ID        string
	Spellings []string
}

// Persons makes persons whose ids are numbers, which have one spelling, and citizens' numbers, which have several: with blanks around them,
// in full width, with a small check letter.
func Persons(r *rand.Rand, n int) (out []Person) {
	for i := range n {
		p := Person{ID: strconv.Itoa(1000 + 7*i)}
		p.Spellings = []string{p.ID}
		if i%3 != 0 {
			p.ID = fmt.Sprintf("110105194912%05d", 1000+i) + []string{"X", "7"}[i%2]
			wide := strings.Map(func(c rune) rune { return c - '!' + 0xff01 }, p.ID)
			p.Spellings = []string{p.ID, " " + p.ID, p.ID + "\u3000", strings.ToLower(p.ID), wide, "\u00a0" + strings.ToLower(p.ID) + " "}
		}
		out = append(out, p)
	}
	r.Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// PersonRow is a row of a table whose first field is a key: of one of the persons, or of nobody (−1), if it is empty or blank.
type PersonRow struct {
	Of     int
	Fields []string
}

// PersonRows are rows of some of the persons, many of one, and of nobody. Where numbers is true all keys are numbers.
func PersonRows(r *rand.Rand, persons []Person, of []int, n int, numbers bool, fields func() []string) (out []PersonRow) {
	if numbers {
		var plain []int
		for _, i := range of {
			if len(persons[i].Spellings) == 1 {
				plain = append(plain, i)
			}
		}
		of = plain
	}
	for range n {
		row := PersonRow{Of: -1, Fields: []string{""}}
		switch nobody := r.IntN(12); {
		case nobody == 0 || len(of) == 0:
		case nobody == 1 && !numbers:
			row.Fields[0] = "   "
		default:
			row.Of = of[r.IntN(len(of))]
			row.Fields[0] = persons[row.Of].Spellings[r.IntN(len(persons[row.Of].Spellings))]
		}
		row.Fields = append(row.Fields, fields()...)
		out = append(out, row)
	}
	return out
}

// PersonsCSV writes rows as text, an empty field as NULL.
func PersonsCSV(head []string, rows []PersonRow) string {
	lines := []string{strings.Join(head, ",")}
	for _, r := range rows {
		line := strings.Join(r.Fields, ",")
		if key := r.Fields[0]; key != "" {
			line = `"` + key + `"` + line[len(key):]
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n") + "\n"
}

// OnSpine gives positions to every person but each so-manieth (0: to all), with holes between them, and the number of positions.
func OnSpine(persons []Person, missing int) (positions map[string]uint32, length int) {
	positions = map[string]uint32{}
	for i, p := range persons {
		length += 1 + i%2
		if missing == 0 || i%missing != 1 {
			positions[p.ID] = uint32(length - 1)
		}
	}
	return positions, length
}

// Spelled finds the id of a key by the spellings that the persons were given.
func Spelled(persons []Person) func(key string) (id string, ok bool) {
	known := map[string]string{}
	for _, p := range persons {
		for _, s := range p.Spellings {
			known[s] = p.ID
		}
	}
	return func(key string) (string, bool) { id, ok := known[key]; return id, ok }
}
