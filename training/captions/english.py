"""English."""

from typing import Final

from training.captions.language import Language, words

ENGLISH: Final = Language(
    code="en",
    instruments={
        "piano": words(
            """piano, grand piano/a grand piano, soft piano, piano keys, upright piano/an upright piano, keys,
            piano chords"""
        ),
        "guitar": words(
            """guitar/a guitar, acoustic guitar/an acoustic guitar, plucked guitar, strummed guitar, electric guitar,
            guitars, classical guitar"""
        ),
        "strings": words(
            """strings, string ensemble/a string ensemble, violins, violin/a violin, orchestra/an orchestra, cello,
            string section/a string section, string quartet, symphony orchestra, orchestral strings"""
        ),
        "flute": words("flute/a flute, wooden flute/a wooden flute, soft flute, pan flute, flutes, bamboo flute"),
        "bells": words("bells, music box/a music box, glockenspiel, chimes, tubular bells, bell, celesta"),
        "synth": words(
            """synth/a synth, synthesizer/a synthesizer, electronic synth, synth lead, electronic keyboard, synths,
            synthesizers, synth pads, analog synth, electronic sounds, arpeggiated synth"""
        ),
    },
    drums=words(
        """drums, strong drums, drum beat/a drum beat, drum kit/a drum kit, percussion, steady beat/a steady beat,
        drum groove/a drum groove, heavy drums, powerful drums, hard-hitting drums, punchy drums, beat/a beat,
        beats, pounding drums, strong beat/a strong beat, big drums, loud drums"""
    ),
    plain_drums=words("drums, percussion, beat"),
    bass=words("bass, bass line/a bass line, deep bass, heavy bass, bass guitar, bassline, sub bass"),
    tempo={
        "slow": words("slow, calm, relaxing, gentle, peaceful, downtempo, quiet, soothing, chill, relaxed, tranquil"),
        "medium": words("mid-tempo, moderate, medium tempo, medium-paced"),
        "fast": words("fast, upbeat, energetic, driving, lively, quick, fast-paced, high-energy, rapid, frantic"),
    },
    tempo_phrases={
        "slow": words("at a slow tempo, slow tempo, at a slow pace, slowly"),
        "medium": words("at a walking pace, moderate tempo, medium tempo, at a moderate tempo"),
        "fast": words("at a fast tempo, fast tempo, at a fast pace, quick tempo, full of energy"),
    },
    mode={
        "major": words("happy, bright, cheerful, joyful, uplifting, major, positive, sunny"),
        "minor": words("sad, dark, melancholic, sorrowful, moody, minor, gloomy, melancholy, somber"),
    },
    mode_phrases={
        "major": words("in a major key, major key, in major, in C major, in G major, in F major"),
        "minor": words("in a minor key, minor key, in minor, in C minor, in G minor, in F minor"),
    },
    beats=words("{} bpm, {}bpm, {} beats per minute, at {} bpm"),
    genres={
        "electronic": words("electronic, electronic music, electronica, electro"),
        "techno": words("techno, techno music, hard techno, trance"),
        "house": words("house, house music, deep house"),
        "edm": words("edm, dance music, club music, electronic dance music, dance"),
        "drum and bass": words("drum and bass, drum & bass, dnb, jungle"),
        "disco": words("disco, nu disco"),
        "synthwave": words("synthwave, retrowave, synth pop, 80s synth pop"),
        "chiptune": words("chiptune, 8-bit music, 8-bit, video game chiptune"),
        "pop": words("pop, pop music, pop song"),
        "rock": words("rock, rock music, rock band, classic rock, indie rock"),
        "punk rock": words("punk rock, punk"),
        "metal": words("metal, heavy metal, thrash metal"),
        "blues": words("blues, delta blues"),
        "funk": words("funk, funky groove, funky"),
        "reggae": words("reggae, dub"),
        "folk": words("folk, folk music, acoustic folk, fingerpicking"),
        "country": words("country, country music, western country"),
        "classical": words("classical, classical music, baroque, chamber music"),
        "orchestral": words("orchestral, symphonic, orchestral music, epic orchestral, symphony"),
        "cinematic": words(
            """cinematic score, cinematic, film score, soundtrack, movie soundtrack, film music, trailer music"""
        ),
        "lullaby": words("lullaby, baby lullaby"),
        "ambient": words("ambient, ambient music, ambient soundscape, atmospheric drone"),
        "meditation": words("meditation music, yoga music, spa music, zen music, meditation"),
        "lo-fi": words("lo-fi, lofi, lo-fi beats, lofi hip hop, chillhop"),
        "hip hop": words("hip hop, hip-hop, rap beat, boom bap, trap"),
        "jazz": words("jazz, jazz trio, swing, smooth jazz, jazzy"),
        "ballad": words("ballad, power ballad, piano ballad"),
    },
    pieces={0: words("music, song, track, piece, tune, melody, instrumental, loop, background music, theme")},
    heads=words("{instrument} {piece}, {instrument}, {instrument} {piece}"),
    genre_heads=words("{genre} {piece}, {genre}, {genre}"),
    solos=words("solo {}, {} solo, {} alone, {}, unaccompanied {}, only {}, just {}"),
    drum_heads=words(
        """drums, drum solo, drum beat, drum loop, percussion, drums only, drum kit, drum groove, just drums"""
    ),
    company=words("with {}, with {}, featuring {}, and {}, plus {}"),
    without=words("without {}, no {}, without any {}"),
    sentences=("{adjectives} {head} {company}, {rest}",),
    asks=words(
        """a {}, a {}, make {}, please make {}, create a {}, generate {}, compose a {}, i want {}, some {}, play {},
        give me {}, i would like a {}, can you make {}"""
    ),
    request="{tempo} {mode} {instrument} {company}, {key}",
    fillers=words(
        """a, the, of, and, for, with, in, to, my, very, some, like, from, at, night, day, rain, sea, forest, city,
        summer, winter, love, dream, hope, epic, vintage, modern, old, new, video, game, film, movie, background,
        scene, story, coffee, shop, road, trip, floor, party, 80s, 90s, retro, warm, cold, blue, red, light, sky,
        stars, river, mountain, dragon, hero, battle, travel, memory, morning, evening, beautiful, catchy, great,
        nice, amazing, quality, recording, studio, live, high, sound, sounds, style, vibe, mood, feel, atmosphere,
        please, make, me, create, generate, play, something, that, evokes, playing, walking, through, under, over,
        one, two, emotional, build-up, no vocals, instrumental, hello, world, is, it, i, you, we, this, intro,
        outro, chorus, crescendo, dramatic, suspense, romantic, tension, space, ocean, journey, inspiring,
        nostalgic, royalty free, ad, commercial, podcast, test, cat, dog, word"""
    ),
)
