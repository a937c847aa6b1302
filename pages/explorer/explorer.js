// Two decoders in the page: what z_t and z_s hold, under the reader's hand. No server, no library.
"use strict"
const explorer = { models: {} }

// numbers out of base64: halves (IEEE 754 binary16), or bytes
function bytes(text) { return Uint8Array.from(atob(text), c => c.charCodeAt(0)) }
function half(h) {
    const sign = h & 0x8000 ? -1 : 1, exponent = h >> 10 & 31, rest = h & 1023
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + rest / 1024) : 2 ** -24 * rest)
}
function halves(text) { return Float32Array.from(new Uint16Array(bytes(text).buffer), half) }

// layers
function linear(x, w, b, n) {
    const y = new Float32Array(n), m = x.length
    for (let i = 0; i < n; i++) {
        let sum = b[i]
        for (let j = 0; j < m; j++) sum += w[i * m + j] * x[j]
        y[i] = sum
    }
    return y
}
function conv3(x, w, b, c, n, size) { // 3 x 3, padding 1; rows and columns of zeros around x first
    const wide = size + 2, padded = new Float32Array(c * wide * wide), y = new Float32Array(n * size * size)
    for (let k = 0; k < c; k++) for (let i = 0; i < size; i++)
        padded.set(x.subarray((k * size + i) * size, (k * size + i + 1) * size), (k * wide + i + 1) * wide + 1)
    for (let o = 0; o < n; o++) {
        const at = o * size * size
        y.fill(b[o], at, at + size * size)
        for (let k = 0; k < c; k++) for (let tap = 0; tap < 9; tap++) {
            const weight = w[(o * c + k) * 9 + tap], down = Math.floor(tap / 3), right = tap % 3
            for (let i = 0; i < size; i++) {
                const from = (k * wide + i + down) * wide + right, to = at + i * size
                for (let j = 0; j < size; j++) y[to + j] += weight * padded[from + j]
            }
        }
    }
    return y
}
function doubled(x, c, size) {
    const y = new Float32Array(4 * x.length), twice = 2 * size
    for (let k = 0; k < c; k++) for (let i = 0; i < twice; i++) for (let j = 0; j < twice; j++)
        y[(k * twice + i) * twice + j] = x[(k * size + (i >> 1)) * size + (j >> 1)]
    return y
}
function leaky(x, slope) { for (let i = 0; i < x.length; i++) if (x[i] < 0) x[i] *= slope; return x }

class Network { // a list of layers, weights and biases after one another
    constructor(layers, weights) {
        let at = 0
        const take = n => weights.subarray(at, at += n)
        this.layers = layers.map(l => ({ ...l, w: take(l.out * l.in * (l.kind == "conv" ? 9 : 1)), b: take(l.out) }))
    }
    run(x) {
        let size = 0
        for (const l of this.layers) {
            if (l.kind == "linear") { x = linear(x, l.w, l.b, l.out); size = l.size }
            else x = conv3(x, l.w, l.b, l.in, l.out, size)
            if (l.slope !== null) x = leaky(x, l.slope)
            if (l.up) { x = doubled(x, l.out, size); size *= 2 }
        }
        return x
    }
}

class Model {
    constructor(raw) {
        Object.assign(this, raw)
        this.x = new Network(raw.picture, halves(raw.picture_weights)), this.y = new Network(raw.pose, halves(raw.pose_weights))
        const pixels = bytes(raw.people.pictures), n = 3 * this.size ** 2
        this.people = raw.people.z_t.map((z_t, i) => ({ z_t, z_s: raw.people.z_s[i], joints: raw.people.joints[i],
            pixels: Float32Array.from(pixels.subarray(i * n, (i + 1) * n), v => v / 255) }))
        for (const p of this.people) p.own = this.picture_of(p.z_t, p.z_s)
    }
    picture_of(z_t, z_s) { return this.x.run(Float32Array.of(...z_t, ...z_s)).map(v => Math.min(1, Math.max(0, v + this.grey))) } // [0, 1]
    pose_of(z_t) { const y = this.y.run(Float32Array.from(z_t)); return y.map((v, i) => 1000 * (v - y[i % 3])) } // mm, the pelvis at 0
}

// between and apart
const mix = (a, b, way) => a.map((v, i) => v + way * (b[i] - v))
const apart = (p, q) => { let sum = 0; for (let j = 0; j < p.length; j += 3) sum += Math.hypot(p[j] - q[j], p[j + 1] - q[j + 1], p[j + 2] - q[j + 2]); return 3 * sum / p.length }
const differs = (p, q) => 100 * Math.sqrt(p.reduce((sum, v, i) => sum + (v - q[i]) ** 2, 0) / p.length)
const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())

// on the screen
function element(kind, into, its = {}) { const e = Object.assign(document.createElement(kind), its); into.append(e); return e }
function paint(canvas, pixels, size) {
    canvas.width = canvas.height = size
    const image = new ImageData(size, size)
    for (let i = 0; i < size * size; i++) {
        for (let c = 0; c < 3; c++) image.data[4 * i + c] = Math.round(255 * pixels[c * size * size + i])
        image.data[4 * i + 3] = 255
    }
    canvas.getContext("2d").putImageData(image, 0, 0)
}
function draw_pose(canvas, joints, parents, [yaw, pitch], colour, width) {
    const g = canvas.getContext("2d"), s = canvas.width / 2200, c = canvas.width / 2
    const point = j => {
        const [x, y, z] = joints.slice(3 * j, 3 * j + 3), x1 = Math.cos(yaw) * x + Math.sin(yaw) * z, z1 = Math.cos(yaw) * z - Math.sin(yaw) * x
        return [c + s * x1, c + s * (Math.cos(pitch) * y - Math.sin(pitch) * z1)]
    }
    g.strokeStyle = colour; g.lineWidth = width; g.lineCap = "round"; g.beginPath()
    parents.forEach((parent, j) => { if (j) { g.moveTo(...point(parent)); g.lineTo(...point(j)) } })
    g.stroke()
}

class View {
    constructor(root, model) {
        this.model = model; this.a = 3; this.b = 1; this.angle = [0, 0] // a swap to begin with
        root.replaceChildren()
        this.choices("A", root); this.choices("B", root)
        const ways = element("div", root)
        this.t = this.slider("z_t", ways); this.s = this.slider("z_s", ways); this.s.value = 1
        const row = element("div", root, { className: "line" })
        this.picture = element("canvas", row, { className: "big picture", title: "the decoded picture" })
        this.pose = element("canvas", row, { className: "big pose", width: 512, height: 512, title: "the decoded pose; drag to turn it" })
        this.numbers = element("div", row, { className: "numbers" })
        this.turning()
        element("h2", root, { textContent: "Swaps" })
        element("p", root, { textContent: "Rows give z_t, the pose; columns z_s, the rest. On the diagonal both are of one picture. A click takes the row as A and the column as B." })
        this.grid = element("div", root, { className: "grid" })
        element("h2", root, { textContent: "Samples of the prior" })
        const again = element("button", root, { textContent: "Draw others", className: "again" })
        this.prior = element("div", root, { className: "line prior" })
        again.onclick = () => this.draw_prior()
        this.draw_grid(); this.draw_prior(); this.draw()
    }
    choices(name, root) {
        const row = element("div", root, { className: "line pick" + name })
        element("span", row, { textContent: `Picture ${name}`, className: "name" })
        this.model.people.forEach((p, i) => {
            const button = element("button", row, { className: "pick", title: `picture ${i + 1} as ${name}` })
            paint(element("canvas", button), p.pixels, this.model.size)
            button.onclick = () => { this[name.toLowerCase()] = i; this.draw() }
        })
    }
    slider(name, root) {
        const row = element("label", root, { className: "line" })
        element("span", row, { textContent: `${name} from A to B`, className: "name" })
        const slider = element("input", row, { type: "range", min: 0, max: 1, step: 0.01, value: 0, className: name })
        slider.oninput = () => this.draw()
        return slider
    }
    turning() {
        let last
        this.pose.onpointerdown = e => { last = e; this.pose.setPointerCapture(e.pointerId) }
        this.pose.onpointerup = () => { last = null }
        this.pose.onpointermove = e => {
            if (!last) return
            const [right, down] = [e.clientX - last.clientX, e.clientY - last.clientY]
            this.angle = [this.angle[0] + right / 80, Math.max(-1.5, Math.min(1.5, this.angle[1] + down / 80))]
            last = e
            this.draw()
        }
    }
    draw() {
        const m = this.model, a = m.people[this.a], b = m.people[this.b]
        const z_t = mix(a.z_t, b.z_t, +this.t.value), z_s = mix(a.z_s, b.z_s, +this.s.value)
        const picture = m.picture_of(z_t, z_s), pose = m.pose_of(z_t)
        paint(this.picture, picture, m.size)
        this.pose.getContext("2d").clearRect(0, 0, 512, 512)
        draw_pose(this.pose, a.joints, m.parents, this.angle, "#1b9e7766", 6); draw_pose(this.pose, b.joints, m.parents, this.angle, "#7570b366", 6)
        draw_pose(this.pose, pose, m.parents, this.angle, "#d95f02", 10)
        const cell = v => `<td>${v}</td>`, far = p => cell(`${apart(pose, p.joints).toFixed(0)} mm`), unlike = p => cell(`${differs(picture, p.own).toFixed(1)} %`)
        this.numbers.innerHTML = `<table><tr><th></th><th>to A</th><th>to B</th></tr><tr><th>pose</th>${far(a)}${far(b)}</tr><tr><th>picture</th>${unlike(a)}${unlike(b)}</tr></table>
            <p><span style="color:#d95f02">decoded</span>, <span style="color:#1b9e77">A</span> and <span style="color:#7570b3">B</span></p>`
        for (const [name, chosen] of [["A", this.a], ["B", this.b]])
            document.querySelectorAll(`.pick${name} button`).forEach((button, i) => button.setAttribute("aria-pressed", i == chosen))
    }
    draw_grid() {
        const m = this.model
        this.grid.style.gridTemplateColumns = `repeat(${m.people.length + 1}, max-content)`
        const shown = (pixels, title) => { const c = element("canvas", this.grid, { title }); paint(c, pixels, m.size); return c }
        element("span", this.grid)
        m.people.forEach((p, j) => shown(p.pixels, `z_s of picture ${j + 1}`))
        m.people.forEach((p, i) => {
            shown(p.pixels, `z_t of picture ${i + 1}`)
            m.people.forEach((q, j) => shown(m.picture_of(p.z_t, q.z_s), `z_t of ${i + 1}, z_s of ${j + 1}`).onclick = () => {
                Object.assign(this, { a: i, b: j }); this.t.value = 0; this.s.value = 1; this.draw(); this.picture.scrollIntoView({ block: "center" })
            })
        })
    }
    draw_prior(n = 8) {
        const m = this.model, some = k => Array.from({ length: k }, normal)
        this.prior.replaceChildren()
        for (let i = 0; i < n; i++) {
            const z_t = some(m.d_t), both = element("div", this.prior)
            paint(element("canvas", both), m.picture_of(z_t, some(m.d_s)), m.size)
            draw_pose(element("canvas", both, { width: 128, height: 128 }), m.pose_of(z_t), m.parents, [0, 0], "#d95f02", 3)
        }
    }
}

explorer.load = (name, folder) => new Promise((done, failed) => { // a script, since a page from a disk may not fetch
    if (explorer.models[name]) return done(new Model(explorer.models[name]))
    const script = element("script", document.head, { src: `${folder}explorer_${name}.js` })
    script.onload = () => done(new Model(explorer.models[name]))
    script.onerror = () => failed(new Error(`${script.src} is not there`))
})
explorer.start = async (root, folder) => {
    root.replaceChildren()
    const script = element("script", document.head, { src: `${folder}explorer_names.js` })
    await new Promise((done, failed) => { script.onload = done; script.onerror = () => failed(new Error(`${script.src} is not there`)) })
    const row = element("label", root, { className: "line" })
    element("span", row, { textContent: "Model", className: "name" })
    const choice = element("select", row), view = element("div", root)
    for (const [value, textContent] of Object.entries(explorer.names)) element("option", choice, { value, textContent })
    choice.onchange = async () => { explorer.view = new View(view, await explorer.load(choice.value, folder)); root.dataset.shows = choice.value }
    await choice.onchange()
}
