package population

// The tables of the synthetic population: the same persons in the files of five
// departments, each knowing only some of them (datasets/README.md, section 8.3). Money is
// in fen, the hundredth part of a yuan.

// table is one table: its columns and how a person becomes rows of it.
type table struct {
	name    string
	columns []column
	rows    func(d dice, city string, p *person, add func(values ...any))
}

// column is one column; values are int64, string, bool or nil. Money
// and dates are int64.
type column struct {
	name string
	form columnForm
}

type columnForm uint8

const (
	whole columnForm = iota
	money
	word
	yesno
	day
)

// tables in the order in which they are written and drawn.
var tables = []table{
	{"register", []column{{"person_id", whole}, {"household_id", whole}, {"city", word}, {"district", word},
		{"sex", word}, {"birth_date", day}, {"age", whole}, {"household_size", whole}, {"relation", word},
		{"hukou", word}, {"migrant", yesno}, {"home_province", word}}, registerRows},
	{"tax", []column{{"person_id", whole}, {"year", whole}, {"taxable_income", money}, {"tax_paid", money}}, taxRows},
	{"insurance", []column{{"person_id", whole}, {"scheme", word}, {"contribution_months", whole},
		{"monthly_benefit", money}}, insuranceRows},
	{"education", []column{{"person_id", whole}, {"level", word}, {"years", whole}, {"enrolled", yesno}}, educationRows},
	{"health", []column{{"person_id", whole}, {"visits", whole}, {"inpatient_days", whole}, {"chronic", yesno},
		{"expense", money}}, healthRows},
}

func sexOf(p *person) string {
	if p.female {
		return "female"
	}
	return "male"
}

func registerRows(d dice, city string, p *person, add func(...any)) {
	hukou := any("rural")
	if p.urban {
		hukou = "urban"
	}
	if d.chance(60) { // not yet registered
		hukou = nil
	}
	add(p.id, p.household, city, districts[p.district].name, sexOf(p), p.birth, int64(p.age), int64(p.size),
		p.relation, hukou, p.migrant, censusProvinces[p.home].name)
}

// taxRows: two years, workers only; a few have one year missing, and a few
// returns are without the tax paid.
func taxRows(d dice, _ string, p *person, add func(...any)) {
	if !p.works {
		return
	}
	income := d.income(p)
	for year := int64(2019); year <= 2020; year++ {
		if year == 2020 {
			income = income * int64(960+d.below(130)) / 1000
		}
		if d.chance(700) {
			continue
		}
		paid := any(incomeTax(income))
		if d.chance(150) {
			paid = nil
		}
		add(p.id, year, income, paid)
	}
}

// income draws a year's income in fen: a quantile of the distribution, scaled
// by education, age and sex.
func (d dice) income(p *person) int64 {
	at := d.below(1_000_000)
	tenth := at / 100_000
	yuan := incomes[tenth] + (incomes[tenth+1]-incomes[tenth])*(at%100_000)/100_000
	fen := yuan * 100 * incomeByLevel[p.level] / 100
	for i, step := range incomeByAge {
		if p.age >= step.from && (i+1 == len(incomeByAge) || p.age < incomeByAge[i+1].from) {
			fen = fen * step.percent / 100
		}
	}
	if p.female {
		fen = fen * 83 / 100
	}
	return int64(fen + d.below(100))
}

// incomeTax is the year's tax on an income, both in fen, rounded down.
func incomeTax(income int64) int64 {
	taxed := income - taxFree*100
	tax := int64(0)
	for i, step := range taxBrackets {
		to := taxed
		if i+1 < len(taxBrackets) {
			to = min(taxed, taxBrackets[i+1].from*100)
		}
		if from := step.from * 100; to > from {
			tax += (to - from) * step.percent
		}
	}
	return tax / 100
}

// insuranceRows: a row for each scheme that a person is in; a benefit only for
// those who draw one, contributions only where the scheme has them.
func insuranceRows(d dice, _ string, p *person, add func(...any)) {
	months := func() int64 { return int64(d.below(uint64(max(1, min(p.age-18, 40)*12)))) }
	retired := p.age >= 60 || p.female && p.age >= 55
	switch {
	case p.works && p.age < 65 && d.chance(6500):
		add(p.id, "employee pension", months(), nil)
	case retired && d.chance(4200):
		benefit := int64(180_000+d.below(260_000)) * int64(incomeByLevel[p.level]) / 100
		add(p.id, "employee pension", 120+months(), benefit)
	case p.age >= 60 && d.chance(9000):
		add(p.id, "resident pension", nil, int64(10_800+d.below(14_000)))
	case p.age >= 16 && !p.works && d.chance(5500):
		add(p.id, "resident pension", months()/2, nil)
	}
	if p.works && d.chance(5200) {
		add(p.id, "unemployment", months(), nil)
	}
	if p.age >= 18 && p.age < 60 && !p.works && d.chance(450) {
		add(p.id, "unemployment", 12+months(), int64(126_000+d.below(60_000)))
	}
	if !p.works && d.chance(330) {
		add(p.id, "minimum living", nil, int64(45_000+d.below(40_000)))
	}
}

// educationRows: everybody from six, but for some of the old whose level is
// not known, and some who are not in the files.
func educationRows(d dice, _ string, p *person, add func(...any)) {
	if p.age < 6 || d.chance(250) {
		return
	}
	level, years := any(educationLevels[p.level].name), any(educationLevels[p.level].years)
	if p.age >= 65 && d.chance(600) {
		level, years = nil, nil
	}
	enrolled := p.age < 16 || p.age < 19 && d.chance(8500) || p.age < 23 && p.level >= 4 && d.chance(7000)
	add(p.id, level, years, enrolled)
}

// healthRows: those who saw a doctor in the year, more of the old; for a few it
// is not known whether an illness is chronic.
func healthRows(d dice, _ string, p *person, add func(...any)) {
	need := 3200 + uint64(min(p.age, 80))*70
	if p.age < 6 {
		need = 7000
	}
	if !d.chance(need) {
		return
	}
	visits := int64(1 + d.below(1+need/900))
	ill := d.chance(uint64(min(p.age*p.age, 7000)) * 9 / 10)
	if ill {
		visits += int64(1 + d.below(8))
	}
	days := int64(0)
	if d.chance(500 + uint64(p.age)*22) {
		days = int64(1 + d.below(6+uint64(p.age)/4))
	}
	expense := visits*int64(6_000+d.below(24_000)) + days*int64(55_000+d.below(70_000))
	chronic := any(ill)
	if d.chance(300) {
		chronic = nil
	}
	add(p.id, visits, days, chronic, expense)
}
