"""Spanish. The tokenizer reads letters without their accents, so both ways of writing are one."""

from typing import Final

from training.captions.language import Language, words

SPANISH: Final = Language(
    code="es",
    instruments={
        "piano": words("piano/un piano, piano de cola/un piano de cola, teclas de piano, piano"),
        "guitar": words(
            """guitarra/una guitarra, guitarra acústica, guitarra española, guitarra eléctrica, guitarras,
            guitarra clásica"""
        ),
        "strings": words(
            """cuerdas, violines, violín/un violín, orquesta/una orquesta, conjunto de cuerdas, cuarteto de cuerdas,
            violonchelo, orquesta sinfónica"""
        ),
        "flute": words("flauta/una flauta, flauta de madera, flauta de pan, flautas, flauta travesera"),
        "bells": words(
            """campanas, caja de música/una caja de música, carillón/un carillón, glockenspiel, campanillas,
            campanas tubulares"""
        ),
        "synth": words(
            """sintetizador/un sintetizador, sintetizadores, sinte/un sinte, teclado electrónico,
            sonidos electrónicos, sintetizador analógico"""
        ),
    },
    drums=words(
        """batería/una batería, tambores, percusión, batería fuerte/una batería fuerte,
        batería potente/una batería potente, ritmo de batería, percusión fuerte, batería contundente, ritmo fuerte,
        tambores potentes, beat/un beat"""
    ),
    plain_drums=words("batería, percusión, tambores"),
    bass=words("bajo/un bajo, línea de bajo/una línea de bajo, bajo profundo, bajos profundos, bajo eléctrico"),
    tempo={
        "slow": words(
            """lento/lenta, tranquilo/tranquila, relajante, suave, calmado/calmada, pausado/pausada, sereno/serena,
            apacible, relajado/relajada"""
        ),
        "medium": words("moderado/moderada, a medio tiempo, de tempo medio"),
        "fast": words(
            """rápido/rápida, enérgico/enérgica, animado/animada, movido/movida, veloz, vivo/viva,
            acelerado/acelerada, frenético/frenética, dinámico/dinámica"""
        ),
    },
    tempo_phrases={
        "slow": words("tempo lento, a tempo lento, a ritmo lento, ritmo lento, lentamente"),
        "medium": words("tempo moderado, a ritmo moderado, tempo medio"),
        "fast": words("tempo rápido, a tempo rápido, a ritmo rápido, ritmo rápido, con mucha energía"),
    },
    mode={
        "major": words("alegre, feliz, brillante, luminoso/luminosa, optimista, jovial, mayor, positivo/positiva"),
        "minor": words(
            """triste, oscuro/oscura, melancólico/melancólica, sombrío/sombría, menor, lúgubre, apenado/apenada"""
        ),
    },
    mode_phrases={
        "major": words("en tono mayor, en modo mayor, tonalidad mayor, en do mayor, en sol mayor, en fa mayor"),
        "minor": words("en tono menor, en modo menor, tonalidad menor, en do menor, en sol menor, en fa menor"),
    },
    beats=words("{} bpm, a {} bpm, {} pulsaciones por minuto, {} ppm"),
    genres={
        "electronic": words("electrónica, música electrónica, electro"),
        "techno": words("techno, tecno, trance"),
        "house": words("house, deep house"),
        "edm": words("edm, música de baile, música dance, música de discoteca"),
        "drum and bass": words("drum and bass, jungle"),
        "disco": words("disco, música disco"),
        "synthwave": words("synthwave, synth pop"),
        "chiptune": words("chiptune, música de 8 bits, 8-bit"),
        "pop": words("pop, música pop"),
        "rock": words("rock, música rock, banda de rock"),
        "punk rock": words("punk rock, punk"),
        "metal": words("metal, heavy metal"),
        "blues": words("blues"),
        "funk": words("funk, funky"),
        "reggae": words("reggae, dub"),
        "folk": words("folk, música folk, folclórica"),
        "country": words("country, música country"),
        "classical": words("clásica, música clásica, barroca, música de cámara"),
        "orchestral": words("orquestal, música orquestal, sinfónica, sinfonía"),
        "cinematic": words("banda sonora, música de cine, cinematográfica, música de película"),
        "lullaby": words("nana, canción de cuna"),
        "ambient": words("ambient, música ambiental, ambiental"),
        "meditation": words("música de meditación, meditación, música zen, música de yoga"),
        "lo-fi": words("lo-fi, lofi"),
        "hip hop": words("hip hop, hip-hop, rap, trap"),
        "jazz": words("jazz, swing, trío de jazz"),
        "ballad": words("balada, balada romántica"),
    },
    pieces={
        0: words("tema, instrumental, fondo musical"),
        1: words("música, canción, melodía, pieza, composición, pista, música de fondo"),
    },
    heads=words("""{piece} de {instrument}, {piece} con {instrument}, {piece} para {instrument}, {instrument}"""),
    genre_heads=words("{piece} {genre}, {genre}, {genre}, {piece} de {genre}"),
    solos=words("{} solo, solo de {}, {}, {} a solas, solamente {}, únicamente {}"),
    drum_heads=words("batería, solo de batería, solamente batería, percusión, ritmo de batería, tambores"),
    company=words("con {}, con {}, acompañado de {}, y {}, además de {}"),
    without=words("sin {}, nada de {}, sin ninguna {}"),
    sentences=(
        "{head} {adjectives} {company}, {rest}",
        "{head} {company} {adjectives}, {rest}",
        "{adjectives}, {head} {company}, {rest}",
    ),
    asks=words(
        """una {}, un {}, hazme una {}, crea {}, quiero una {}, genera {}, por favor {}, compón {}, me gustaría {}"""
    ),
    request="música de {instrument} {tempo} y {mode} {company}, {key}",
    adjective_commas=(" y ", " ", ", "),
    and_=(" y ",),
    fillers=words(
        """el, la, los, las, de, del, un, una, y, para, en, muy, como, noche, día, lluvia, mar, bosque, ciudad,
        verano, invierno, amor, sueño, esperanza, épico, antiguo, moderno, viejo, nuevo, videojuego, película,
        escena, historia, café, carretera, viaje, fiesta, años 80, retro, cálido, frío, azul, rojo, luz, cielo,
        estrellas, río, montaña, dragón, héroe, batalla, recuerdo, mañana, tarde, hermosa, bonita, calidad,
        grabación, estudio, sonido, estilo, ambiente, que, evoca, dos, emocional, sin voz, sin letra,
        hola, mundo, es, yo, tú, este, esta, con, más, pequeño, grande, sol, paseo, romántica, tensión, espacio,
        océano, anuncio, gato, perro, casa, prueba, algo, hoy"""
    ),
)
