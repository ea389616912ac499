package replica

import (
	"image"
	"image/color"
	"math"
)

// rgb is a colour with room for arithmetic, each part 0 to 255.
type rgb struct{ r, g, b float64 }

// to is the colour on the way from c to d; t is 0 to 1.
func (c rgb) to(d rgb, t float64) rgb {
	return rgb{c.r + (d.r-c.r)*t, c.g + (d.g-c.g)*t, c.b + (d.b-c.b)*t}
}

func hex(v uint32) rgb {
	return rgb{float64(v >> 16 & 255), float64(v >> 8 & 255), float64(v & 255)}
}

// light is the colours of a landscape at one time of day.
type light struct{ top, horizon, sun, hill, water rgb }

func lights() []light {
	return []light{
		{hex(0x3d6fb6), hex(0xf6d9b8), hex(0xfff1c9), hex(0x2f5d4a), hex(0x5d8fb0)}, // morning
		{hex(0x2d3561), hex(0xf29e6d), hex(0xffe0a3), hex(0x3a2f4f), hex(0x7a5c7d)}, // dusk
		{hex(0x5fa8d3), hex(0xe8f4f8), hex(0xffffff), hex(0x3f7d4e), hex(0x6fb0c4)}, // noon
		{hex(0x0b1533), hex(0x3b4f7d), hex(0xf4f1de), hex(0x0f2233), hex(0x1f3558)}, // moonlight
		{hex(0x9db4ab), hex(0xf1efe3), hex(0xfdf6d8), hex(0x51665b), hex(0xa9bdb7)}, // mist
		{hex(0x6a8caf), hex(0xfbe6c8), hex(0xffd27f), hex(0x8a4b2a), hex(0x88a0a8)}, // autumn
	}
}

// ridge is the outline of one row of hills: a few waves on top of each other,
// and pines on it.
type ridge struct {
	level, height float64 // parts of the picture's height
	phase         [3]float64
	pines         float64 // height of the trees, same unit
	pace          float64 // trees across the picture
}

// soil is how high the ridge stands at x (0 to 1), counted from the top.
func (g ridge) soil(x float64) float64 {
	y := math.Sin(x*4+g.phase[0]) + 0.5*math.Sin(x*9+g.phase[1]) + 0.2*math.Sin(x*23+g.phase[2])
	return g.level - g.height*y/1.7
}

// trees is how high the trees at x are.
func (g ridge) trees(x float64) float64 {
	_, f := math.Modf(x * g.pace)
	return g.pines * (1 - math.Abs(2*f-1)) * (0.6 + 0.4*math.Sin(x*57+g.phase[1]))
}

// landscape draws sky, sun or moon, rows of hills and water. The number picks
// the scene; shift, 0 to 1, moves the sun along its way, which makes frames of
// a moving picture.
func landscape(n uint64, w, h int, shift float64) *image.RGBA {
	d := dice(n)
	part := func(key string, i int) float64 { return float64(d.below(1000, key, i)) / 1000 }
	sky := lights()[d.below(len(lights()), "light")]

	ridges := make([]ridge, 3+d.below(2, "ridges"))
	for i := range ridges {
		near := float64(i) / float64(len(ridges))
		ridges[i] = ridge{
			level:  0.45 + 0.3*near,
			height: 0.05 + 0.07*part("height", i),
			phase:  [3]float64{6 * part("a", i), 6 * part("b", i), 6 * part("c", i)},
		}
		if i > 0 && d.oneIn(2, "pines", i) {
			ridges[i].pines = 0.02 + 0.04*near
			ridges[i].pace = 60 - 35*near
		}
	}
	lake := 0.80 + 0.1*part("lake", 0)
	sunX, sunY := 0.15+0.7*part("sunx", 0), 0.12+0.25*part("suny", 0)
	sunX = math.Mod(sunX+shift*0.2, 1)
	radius := 0.04 + 0.04*part("radius", 0)

	m := image.NewRGBA(image.Rect(0, 0, w, h))
	tops := make([]float64, len(ridges))  // with the trees
	soils := make([]float64, len(ridges)) // without
	shade := func(x, y float64, px, py int) rgb {
		for i := len(ridges) - 1; i >= 0; i-- {
			if y < tops[i] {
				continue
			}
			near := float64(i+1) / float64(len(ridges))
			c := sky.horizon.to(sky.hill, 0.35+0.65*near)
			deep := math.Max(0, math.Min(1, (y-soils[i])*3))
			c = c.to(rgb{}, 0.25*deep*near)
			// Terraces, and grain so that the files have a natural size.
			grain := float64(mix(uint64(px)<<32|uint64(py))&7) / 7
			return c.to(sky.sun, 0.05*(1+math.Sin(deep*40+x*6))*near+0.03*grain)
		}
		c := sky.top.to(sky.horizon, math.Min(1, y/0.6))
		dx, dy := (x-sunX)*float64(w)/float64(h), y-sunY
		far := math.Sqrt(dx*dx + dy*dy)
		if far < radius {
			return sky.sun
		}
		return c.to(sky.sun, 0.7*math.Exp(-(far-radius)*9))
	}
	for px := range w {
		x := float64(px) / float64(w)
		for i, g := range ridges {
			soils[i] = g.soil(x)
			tops[i] = soils[i] - g.trees(x)
		}
		for py := range h {
			y := float64(py) / float64(h)
			var c rgb
			if y < lake {
				c = shade(x, y, px, py)
			} else {
				wave := 0.01 * math.Sin(y*160+x*9)
				c = shade(x, math.Max(0, 2*lake-y-0.1+wave), px, py).to(sky.water, 0.55)
			}
			i := m.PixOffset(px, py)
			m.Pix[i], m.Pix[i+1], m.Pix[i+2], m.Pix[i+3] = uint8(c.r), uint8(c.g), uint8(c.b), 255
		}
	}
	return m
}

// refusal draws the one picture that stands for all others when a site does
// not like the Referer: a barred circle.
func refusal(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	red, paper := color.RGBA{200, 60, 50, 255}, color.RGBA{240, 238, 232, 255}
	for px := range w {
		for py := range h {
			x, y := 2*float64(px)/float64(w)-1, 2*float64(py)/float64(h)-1
			r := math.Sqrt(x*x + y*y)
			c := paper
			if r > 0.6 && r < 0.78 || r < 0.6 && math.Abs(x-y) < 0.16 {
				c = red
			}
			m.SetRGBA(px, py, c)
		}
	}
	return m
}

// reduce makes a picture of 252 colours, dithered in a fixed pattern: cheap,
// and the same on every machine.
func reduce(src *image.RGBA, pal color.Palette) *image.Paletted {
	bayer := [4][4]int{{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}}
	b := src.Bounds()
	dst := image.NewPaletted(b, pal)
	level := func(v uint8, n, t int) int { return (int(v)*(n-1)*16 + t*255) / (255 * 16) }
	for y := range b.Dy() {
		for x := range b.Dx() {
			i := src.PixOffset(x, y)
			t := bayer[y&3][x&3]
			r, g, bl := level(src.Pix[i], 6, t), level(src.Pix[i+1], 7, t), level(src.Pix[i+2], 6, t)
			dst.Pix[dst.PixOffset(x, y)] = uint8((min(r, 5)*7+min(g, 6))*6 + min(bl, 5))
		}
	}
	return dst
}

// gifPalette is six shades of red and blue times seven of green.
func gifPalette() color.Palette {
	var p color.Palette
	for r := range 6 {
		for g := range 7 {
			for b := range 6 {
				p = append(p, color.RGBA{uint8(r * 51), uint8(g * 255 / 6), uint8(b * 51), 255})
			}
		}
	}
	return p
}
