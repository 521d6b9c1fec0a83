"""French. The tokenizer reads letters without their accents, so both ways of writing are one."""

from typing import Final

from training.captions.language import Language, words

FRENCH: Final = Language(
    code="fr",
    instruments={
        "piano": words(
            """piano/un piano, piano/du piano, piano à queue/un piano à queue, notes de piano, clavier de piano"""
        ),
        "guitar": words(
            """guitare/une guitare, guitare/de la guitare, guitare acoustique/une guitare acoustique, guitare sèche,
            guitare électrique, guitares, guitare classique"""
        ),
        "strings": words(
            """cordes/des cordes, violons/des violons, ensemble à cordes/un ensemble à cordes, orchestre/un orchestre,
            violon/un violon, orchestre à cordes, violoncelle, section de cordes, quatuor à cordes,
            orchestre symphonique"""
        ),
        "flute": words("flûte/une flûte, flûte/de la flûte, flûte traversière, flûte de pan, flûte en bois, flûtes"),
        "bells": words(
            """cloches/des cloches, boîte à musique/une boîte à musique, carillon/un carillon, glockenspiel,
            clochettes, célesta"""
        ),
        "synth": words(
            """synthé/un synthé, synthétiseur/un synthétiseur, synthé/du synthé, synthés, synthétiseurs,
            nappes de synthé, clavier électronique, sons électroniques, synthé analogique"""
        ),
    },
    drums=words(
        """batterie/une batterie, batterie/de la batterie, batterie puissante/une batterie puissante,
        percussions/des percussions, tambours/des tambours, rythme de batterie, grosse batterie, batterie lourde,
        beat/un beat, batterie forte, rythmique/une rythmique, percussions puissantes, rythme soutenu,
        batterie marquée"""
    ),
    plain_drums=words("batterie, percussions, tambours"),
    bass=words(
        """basse/une basse, ligne de basse/une ligne de basse, basse profonde, guitare basse, basses, grosse basse"""
    ),
    tempo={
        "slow": words(
            """lent/lente, calme, doux/douce, relaxant/relaxante, paisible, apaisant/apaisante, tranquille,
            reposant/reposante, posé/posée, serein/sereine"""
        ),
        "medium": words("modéré/modérée, mid-tempo, à tempo moyen"),
        "fast": words(
            """rapide, entraînant/entraînante, énergique, dynamique, vif/vive, rythmé/rythmée, endiablé/endiablée,
            effréné/effrénée"""
        ),
    },
    tempo_phrases={
        "slow": words("tempo lent, à un tempo lent, au rythme lent, lentement, sur un tempo lent"),
        "medium": words("tempo modéré, tempo moyen, à un rythme modéré, au pas"),
        "fast": words(
            """tempo rapide, à un tempo rapide, au rythme rapide, rythme effréné, pleine d'énergie,
            sur un tempo rapide"""
        ),
    },
    mode={
        "major": words(
            """joyeux/joyeuse, gai/gaie, heureux/heureuse, lumineux/lumineuse, enjoué/enjouée, positif/positive,
            majeur/majeure, ensoleillé/ensoleillée"""
        ),
        "minor": words(
            """triste, sombre, mélancolique, mineur/mineure, lugubre, nostalgique et triste, douloureux/douloureuse"""
        ),
    },
    mode_phrases={
        "major": words(
            """en majeur, en tonalité majeure, dans une tonalité majeure, en do majeur, en sol majeur, en fa majeur,
            mode majeur"""
        ),
        "minor": words(
            """en mineur, en tonalité mineure, dans une tonalité mineure, en do mineur, en sol mineur, en fa mineur,
            mode mineur"""
        ),
    },
    beats=words("{} bpm, à {} bpm, {} battements par minute, {} à la noire"),
    genres={
        "electronic": words("électronique, musique électronique, électro"),
        "techno": words("techno, trance, musique techno"),
        "house": words("house, deep house, musique house"),
        "edm": words("edm, musique de danse, musique de club, dance, dancefloor, musique de boîte de nuit"),
        "drum and bass": words("drum and bass, jungle"),
        "disco": words("disco"),
        "synthwave": words("synthwave, synth pop, synthpop des années 80"),
        "chiptune": words("chiptune, musique 8-bit, 8 bits"),
        "pop": words("pop, chanson pop, musique pop"),
        "rock": words("rock, musique rock, groupe de rock"),
        "punk rock": words("punk rock, punk"),
        "metal": words("metal, heavy metal, métal"),
        "blues": words("blues"),
        "funk": words("funk, funky"),
        "reggae": words("reggae, dub"),
        "folk": words("folk, musique folk, folklorique"),
        "country": words("country, musique country"),
        "classical": words("classique, musique classique, baroque, musique de chambre"),
        "orchestral": words("orchestral, musique orchestrale, symphonique, symphonie, orchestrale épique"),
        "cinematic": words("musique de film, bande originale, cinématique, cinématographique, bande-son de film"),
        "lullaby": words("berceuse, berceuse pour bébé"),
        "ambient": words("ambient, musique d'ambiance, musique ambiante, nappe ambiante"),
        "meditation": words("musique de méditation, méditation, musique zen, musique de yoga, musique de relaxation"),
        "lo-fi": words("lo-fi, lofi, beats lo-fi"),
        "hip hop": words("hip hop, hip-hop, rap, trap"),
        "jazz": words("jazz, swing, trio de jazz, jazzy"),
        "ballad": words("ballade, ballade romantique"),
    },
    pieces={
        0: words("morceau, titre, air, thème, instrumental, fond sonore"),
        1: words("musique, chanson, mélodie, pièce, composition, boucle, musique de fond"),
    },
    heads=words("{piece} de {instrument}, {piece} pour {instrument}, {instrument}"),
    genre_heads=words("{piece} {genre}, {genre}, {genre}, {piece} de {genre}"),
    solos=words("{} solo, solo de {}, {} seul, {}, {} sans accompagnement, uniquement {}, juste {}"),
    drum_heads=words(
        """batterie, solo de batterie, batterie seule, percussions, boucle de batterie, rythme de batterie,
        juste de la batterie, tambours"""
    ),
    company=words("avec {}, avec {}, accompagné de {}, et {}, ainsi que {}"),
    without=words("sans {}, pas de {}, sans aucune {}"),
    sentences=(
        "{head} {adjectives} {company}, {rest}",
        "{head} {company} {adjectives}, {rest}",
        "{adjectives}, {head} {company}, {rest}",
    ),
    asks=words(
        """un {}, une {}, fais-moi un {}, crée une {}, je veux une {}, génère un {}, s'il te plaît {}, compose {},
        je voudrais {}, de la {}, peux-tu faire {}"""
    ),
    request="musique de {instrument} {tempo} et {mode} {company}, {key}",
    adjective_commas=(" et ", " ", ", "),
    and_=(" et ",),
    fillers=words(
        """le, la, les, de, des, du, un, une, et, pour, dans, sur, très, comme, au, nuit, jour, pluie, mer, forêt,
        ville, été, hiver, amour, rêve, espoir, épique, ancien, moderne, vieux, nouveau, vidéo, jeu, film, scène,
        histoire, café, route, voyage, fête, années 80, rétro, chaud, froid, bleu, rouge, lumière, ciel, étoiles,
        rivière, montagne, dragon, héros, bataille, souvenir, matin, soir, beau, belle, magnifique, qualité,
        enregistrement, studio, son, style, ambiance, atmosphère, qui, évoque, sous, deux, émotionnel,
        montée en puissance, sans voix, sans paroles, instrumental, bonjour, monde, est, je, vous, ce, cette, avec,
        plus, petit, grand, soleil, coucher de soleil, promenade, romantique, tension, suspense, espace, océan,
        publicité, balade, chat, chien, maison, essai, quelque chose, aujourd'hui, il fait, ça"""
    ),
)
