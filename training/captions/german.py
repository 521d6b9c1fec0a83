"""German. Umlauts may be written without their dots."""

from typing import Final

from training.captions.language import Language, words

GERMAN: Final = Language(
    code="de",
    instruments={
        "piano": words("Klavier/Klavier/Klavier, Piano, Flügel/einem Flügel, Klaviertasten, Klavier/einem Klavier"),
        "guitar": words(
            """Gitarre/Gitarre/Gitarren, akustische Gitarre/akustischer Gitarre, E-Gitarre, Konzertgitarre, Gitarren,
            gezupfte Gitarre"""
        ),
        "strings": words(
            """Streicher/Streichern/Streicher, Geigen, Geige/einer Geige, Orchester/Orchester/Orchester,
            Streichorchester, Violine, Violinen, Cello, Streichquartett"""
        ),
        "flute": words("Flöte/Flöte/Flöten, Querflöte, Holzflöte, Panflöte, Flöten"),
        "bells": words("Glocken/Glocken/Glocken, Spieluhr/einer Spieluhr, Glockenspiel, Röhrenglocken, Glöckchen"),
        "synth": words(
            """Synthesizer/Synthesizer/Synthesizer, Synth, Synthie/einem Synthie, elektronisches Keyboard, Synthies,
            elektronische Klänge/elektronischen Klängen"""
        ),
    },
    drums=words(
        """Schlagzeug, Trommeln, starkes Schlagzeug/starkem Schlagzeug, Drums, Percussion,
        kräftiges Schlagzeug/kräftigem Schlagzeug, Schlagzeugbeat, harter Beat/hartem Beat, Beat/einem Beat,
        kräftige Drums/kräftigen Drums, dröhnende Trommeln/dröhnenden Trommeln,
        wuchtige Trommeln/wuchtigen Trommeln"""
    ),
    plain_drums=words("Schlagzeug, Percussion, Trommeln, Drums"),
    bass=words("Bass, Basslinie/einer Basslinie, tiefer Bass/tiefem Bass, E-Bass, Bassgitarre"),
    tempo={
        "slow": words(
            """langsam/langsamer/langsame/langsames, ruhig/ruhiger/ruhige/ruhiges,
            entspannt/entspannter/entspannte/entspanntes, sanft/sanfter/sanfte/sanftes,
            gemächlich/gemächlicher/gemächliche/gemächliches, entspannend/entspannender/entspannende/entspannendes,
            friedlich/friedlicher/friedliche/friedliches"""
        ),
        "medium": words(
            """mittelschnell/mittelschneller/mittelschnelle/mittelschnelles,
            mäßig schnell/mäßig schneller/mäßig schnelle/mäßig schnelles, moderat/moderater/moderate/moderates"""
        ),
        "fast": words(
            """schnell/schneller/schnelle/schnelles, energisch/energischer/energische/energisches,
            treibend/treibender/treibende/treibendes, lebhaft/lebhafter/lebhafte/lebhaftes,
            rasant/rasanter/rasante/rasantes, energiegeladen/energiegeladener/energiegeladene/energiegeladenes,
            flott/flotter/flotte/flottes, schwungvoll/schwungvoller/schwungvolle/schwungvolles"""
        ),
    },
    tempo_phrases={
        "slow": words("langsames Tempo, in langsamem Tempo, im langsamen Tempo, in ruhigem Tempo"),
        "medium": words("mittleres Tempo, in mittlerem Tempo, im Gehtempo, in mäßigem Tempo"),
        "fast": words("schnelles Tempo, in schnellem Tempo, im schnellen Tempo, hohes Tempo, voller Energie"),
    },
    mode={
        "major": words(
            """fröhlich/fröhlicher/fröhliche/fröhliches, heiter/heiterer/heitere/heiteres,
            glücklich/glücklicher/glückliche/glückliches, hell/heller/helle/helles,
            freudig/freudiger/freudige/freudiges, lustig/lustiger/lustige/lustiges,
            positiv/positiver/positive/positives"""
        ),
        "minor": words(
            """traurig/trauriger/traurige/trauriges, düster/düsterer/düstere/düsteres, dunkel/dunkler/dunkle/dunkles,
            melancholisch/melancholischer/melancholische/melancholisches, trüb/trüber/trübe/trübes,
            schwermütig/schwermütiger/schwermütige/schwermütiges"""
        ),
    },
    mode_phrases={
        "major": words("in Dur, Dur, in einer Dur-Tonart, in C-Dur, in G-Dur, in F-Dur"),
        "minor": words("in Moll, Moll, in einer Moll-Tonart, in c-Moll, in g-Moll, in f-Moll"),
    },
    beats=words("{} bpm, bei {} bpm, {} Schläge pro Minute, mit {} BPM"),
    genres={
        "electronic": words("elektronische Musik, Elektro, Electro, Electronica, elektronisch"),
        "techno": words("Techno, Technomusik, Trance"),
        "house": words("House, Deep House, Housemusik"),
        "edm": words("EDM, Tanzmusik, Clubmusik, Dance"),
        "drum and bass": words("Drum and Bass, Jungle"),
        "disco": words("Disco, Diskomusik"),
        "synthwave": words("Synthwave, Synthiepop"),
        "chiptune": words("Chiptune, 8-Bit-Musik, 8-Bit"),
        "pop": words("Pop, Popmusik, Popsong"),
        "rock": words("Rock, Rockmusik, Rockband"),
        "punk rock": words("Punkrock, Punk"),
        "metal": words("Metal, Heavy Metal"),
        "blues": words("Blues"),
        "funk": words("Funk, funkig"),
        "reggae": words("Reggae, Dub"),
        "folk": words("Folk, Volksmusik"),
        "country": words("Country, Countrymusik"),
        "classical": words("klassische Musik, Klassik, Barock, Kammermusik, klassisch"),
        "orchestral": words("Orchestermusik, orchestral, Sinfonie, sinfonisch"),
        "cinematic": words("Filmmusik, Soundtrack, filmisch, Kinomusik"),
        "lullaby": words("Wiegenlied, Schlaflied, Gutenachtlied"),
        "ambient": words("Ambient, Ambientmusik, Klangteppich"),
        "meditation": words("Meditationsmusik, Meditation, Yogamusik, Zen-Musik, Entspannungsmusik"),
        "lo-fi": words("Lo-Fi, Lofi"),
        "hip hop": words("Hip-Hop, Hip Hop, Rap, Trap"),
        "jazz": words("Jazz, Swing, Jazztrio, jazzig"),
        "ballad": words("Ballade, Popballade"),
    },
    pieces={
        1: words("Song, Titel, Track"),
        2: words("Musik, Melodie, Komposition, Hintergrundmusik"),
        3: words("Stück, Lied, Musikstück, Instrumental, Thema"),
    },
    heads=words("""{compound}{low_piece}, {piece} mit {with_instrument}, {piece} für {instrument}, {instrument}"""),
    genre_heads=words("{genre}, {genre}, {piece} {genre}"),
    solos=words("{} solo, Solo-{}, {} allein, {}, nur {}, {} ohne Begleitung"),
    drum_heads=words(
        """Schlagzeug, Schlagzeugsolo, nur Schlagzeug, Percussion, Trommeln, Drumloop, nur Trommeln, Beat"""
    ),
    company=words("mit {}, mit {}, begleitet von {}, und {}, dazu {}"),
    without=words("ohne {}, kein {}, ganz ohne {}"),
    sentences=("{adjectives} {head} {company}, {rest}", "{head} {company}, {adjectives}, {rest}"),
    asks=words(
        """ein {}, eine {}, mach mir ein {}, erzeuge {}, ich möchte ein {}, bitte {}, komponiere {}, generiere {},
        spiel {}"""
    ),
    request="{tempo}, {mode} Musik für {instrument} {company}, {key}",
    request_form=2,
    adjective_commas=(" ", ", ", " und "),
    and_=(" und ",),
    fillers=words(
        """der, die, das, den, dem, ein, eine, und, für, in, im, auf, sehr, wie, Nacht, Tag, Regen, Meer, Wald, Stadt,
        Sommer, Winter, Liebe, Traum, Hoffnung, episch, alt, modern, neu, Video, Spiel, Film, Szene, Geschichte,
        Café, Straße, Reise, Party, 80er, retro, warm, kalt, blau, rot, Licht, Himmel, Sterne, Fluss, Berg, Drache,
        Held, Schlacht, Erinnerung, Morgen, Abend, schön, wunderbar, Qualität, Aufnahme, Studio, Klang, Stil,
        Stimmung, Atmosphäre, unter, zwei, emotional, ohne Gesang, hallo, Welt, ist, ich, du, dieser, mit,
        mehr, klein, groß, Sonne, Spaziergang, romantisch, Spannung, Weltraum, Ozean, Werbung, Katze, Hund, Haus,
        Test, etwas, heute"""
    ),
)
