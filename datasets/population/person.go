package population

import (
	"math/bits"
	"math/rand/v2"
	"time"
)

// dice draws the synthetic population. It takes only whole numbers from PCG
// (math/rand/v2), so that the same seed gives the same bytes on every machine.
// This is data for demonstrations, not for secrets.
type dice struct{ *rand.PCG }

func newDice(seed, stream uint64) dice { return dice{rand.NewPCG(seed, stream)} }

// below draws evenly from 0 to n−1 (within 2^−40 for the n used here).
func (d dice) below(n uint64) uint64 {
	high, _ := bits.Mul64(d.Uint64(), n)
	return high
}

// chance is true in so many of 10,000 draws.
func (d dice) chance(share uint64) bool { return d.below(10000) < share }

// weighted draws an index with the given weights.
func (d dice) weighted(n int, weight func(int) uint64) int {
	total := uint64(0)
	for i := range n {
		total += weight(i)
	}
	at := d.below(total)
	for i := range n {
		if at < weight(i) {
			return i
		}
		at -= weight(i)
	}
	return n - 1
}

// person is one synthetic person, as the household register has them.
type person struct {
	id        int64
	household int64
	size      int // persons in the household
	relation  string
	female    bool
	birth     int64 // days since 1970-01-01
	age       int   // at the census day
	district  int
	urban     bool
	migrant   bool
	home      int // province of registration
	level     int // of education
	works     bool
}

// householdsInBlock is how many households are put together at a time. Ages
// and sexes are drawn independently from the census; a block is large enough to
// find spouses, parents and children among its people.
const householdsInBlock = 200

// block makes the people of consecutive households, at most limit of them.
func (d dice) block(limit int) [][]*person {
	var sizes []int
	people := 0
	for len(sizes) < householdsInBlock && people < limit {
		size := 1 + d.weighted(len(censusHouseholds), func(i int) uint64 { return censusHouseholds[i] })
		size = min(size, limit-people)
		sizes = append(sizes, size)
		people += size
	}
	var adults, minors []*person
	for range people {
		p := d.drawn()
		if p.age >= 20 {
			adults = append(adults, p)
		} else {
			minors = append(minors, p)
		}
	}
	return d.households(sizes, adults, minors)
}

// drawn is a person of the census's ages and sexes.
func (d dice) drawn() *person {
	last := len(censusAges) - 1
	i := d.weighted(2*len(censusAges), func(i int) uint64 {
		if i%2 == 0 {
			return censusAges[i/2].male
		}
		return censusAges[i/2].female
	})
	p := &person{female: i%2 == 1}
	p.age = censusAges[i/2].from
	if i/2 == last {
		for p.age < oldestAge && d.chance(7800) { // a fifth of the oldest die each year
			p.age++
		}
	} else {
		p.age += int(d.below(uint64(censusAges[i/2+1].from - p.age)))
	}
	p.birth = d.birthday(p.age)
	return p
}

const secondsPerDay = 24 * 60 * 60

// birthday draws a day of birth that gives this age on the census day.
func (d dice) birthday(age int) int64 {
	census := time.Unix(censusDay*secondsPerDay, 0).UTC()
	from := census.AddDate(-age-1, 0, 1).Unix() / secondsPerDay
	to := census.AddDate(-age, 0, 0).Unix() / secondsPerDay
	return from + int64(d.below(uint64(to-from+1)))
}

// households shares the people out: every household gets an adult, then a
// spouse and children of fitting ages, as far as there are any.
func (d dice) households(sizes []int, adults, minors []*person) [][]*person {
	out := make([][]*person, len(sizes))
	take := func(from *[]*person, fits func(*person) bool) *person {
		return d.take(from, fits)
	}
	anyone := func(*person) bool { return true }
	for i := range sizes {
		head := take(&adults, anyone)
		if head == nil {
			head = take(&minors, anyone)
		}
		head.relation = "head"
		out[i] = append(out[i], head)
	}
	for i, size := range sizes {
		head := out[i][0]
		if size >= 2 && d.chance(8000) {
			if p := take(&adults, func(p *person) bool { return p.female != head.female && near(p.age, head.age, 6) }); p != nil {
				p.relation = "spouse"
				out[i] = append(out[i], p)
			}
		}
	}
	for i, size := range sizes {
		head := out[i][0]
		for len(out[i]) < size {
			from := &minors
			if len(minors) == 0 || len(adults) > 0 && d.below(uint64(len(minors)+len(adults))) < uint64(len(adults)) {
				from = &adults
			}
			p := take(from, func(p *person) bool {
				gap := head.age - p.age
				return gap >= 20 && gap <= 42 || gap <= -20 && gap >= -42
			})
			if p == nil {
				p = take(from, anyone)
			}
			switch gap := head.age - p.age; {
			case gap >= 18:
				p.relation = "child"
			case gap <= -18:
				p.relation = "parent"
			default:
				p.relation = "other"
			}
			out[i] = append(out[i], p)
		}
	}
	return out
}

func near(a, b, years int) bool { return a-b <= years && b-a <= years }

// tries is how many people are looked at for one that fits.
const tries = 24

// take removes a person that fits from the list, of a few drawn at random; nil
// when none of them does.
func (d dice) take(from *[]*person, fits func(*person) bool) *person {
	list := *from
	for range min(tries, len(list)) {
		i := int(d.below(uint64(len(list))))
		if p := list[i]; fits(p) {
			list[i] = list[len(list)-1]
			*from = list[:len(list)-1]
			return p
		}
	}
	return nil
}

// settle gives a household's members what they share, and each the rest.
func (d dice) settle(members []*person, firstID, household int64) {
	district := d.weighted(len(districts), func(i int) uint64 { return districts[i].weight })
	home := d.weighted(len(censusProvinces), func(i int) uint64 { return censusProvinces[i].people })
	urban, migrant := d.chance(urbanRegistration), d.chance(migration)
	for i, p := range members {
		p.id, p.household, p.size = firstID+int64(i), household, len(members)
		p.district, p.home, p.urban, p.migrant = district, home, urban, migrant
		p.level = d.education(p.age)
		for _, e := range employment {
			if p.age >= e.from {
				share := e.men
				if p.female {
					share = e.women
				}
				p.works = share > 0 && d.chance(share)
			}
		}
	}
}

// education draws a level; below six it is none.
func (d dice) education(age int) int {
	level := 0
	for i, e := range educationByAge {
		if age >= e.from && (i+1 == len(educationByAge) || age < educationByAge[i+1].from) {
			level = d.weighted(len(e.shares), func(i int) uint64 { return e.shares[i] })
		}
	}
	return level
}

// districts of every city, with their weights.
var districts = []struct {
	name   string
	weight uint64
}{{"old town", 18}, {"north", 22}, {"east", 20}, {"south", 17}, {"west", 14}, {"new area", 9}}
