"""Portuguese. The tokenizer reads letters without their accents, so both ways of writing are one."""

from typing import Final

from training.captions.language import Language, words

PORTUGUESE: Final = Language(
    code="pt",
    instruments={
        "piano": words("piano/um piano, piano de cauda/um piano de cauda, teclas de piano, piano"),
        "guitar": words(
            """guitarra/uma guitarra, violão/um violão, guitarra acústica, guitarra elétrica, violões,
            violão clássico"""
        ),
        "strings": words(
            """cordas, violinos, violino/um violino, orquestra/uma orquestra, conjunto de cordas, quarteto de cordas,
            violoncelo, orquestra sinfônica"""
        ),
        "flute": words("flauta/uma flauta, flauta de madeira, flauta de pã, flautas, flauta transversal"),
        "bells": words(
            """sinos, caixa de música/uma caixa de música, carrilhão/um carrilhão, glockenspiel, sininhos,
            sinos tubulares"""
        ),
        "synth": words(
            """sintetizador/um sintetizador, sintetizadores, sinte, teclado eletrônico, sons eletrônicos,
            sons eletrónicos, sintetizador analógico"""
        ),
    },
    drums=words(
        """bateria/uma bateria, tambores, percussão, bateria forte/uma bateria forte,
        bateria potente/uma bateria potente, ritmo de bateria, percussão forte, bateria pesada,
        batida forte/uma batida forte, batida/uma batida, batidas fortes"""
    ),
    plain_drums=words("bateria, percussão, tambores"),
    bass=words("baixo/um baixo, linha de baixo/uma linha de baixo, baixo profundo, graves profundos, contrabaixo"),
    tempo={
        "slow": words(
            """lento/lenta, calmo/calma, relaxante, suave, tranquilo/tranquila, sereno/serena, sossegado/sossegada,
            relaxado/relaxada, devagar"""
        ),
        "medium": words("moderado/moderada, de andamento médio, em ritmo médio"),
        "fast": words(
            """rápido/rápida, enérgico/enérgica, animado/animada, agitado/agitada, veloz, vivo/viva,
            acelerado/acelerada, frenético/frenética, dinâmico/dinâmica"""
        ),
    },
    tempo_phrases={
        "slow": words("andamento lento, em andamento lento, em ritmo lento, ritmo lento, lentamente"),
        "medium": words("andamento moderado, em ritmo moderado, andamento médio"),
        "fast": words("andamento rápido, em andamento rápido, em ritmo rápido, ritmo rápido, com muita energia"),
    },
    mode={
        "major": words("alegre, feliz, brilhante, luminoso/luminosa, otimista, maior, positivo/positiva, contente"),
        "minor": words(
            """triste, sombrio/sombria, melancólico/melancólica, escuro/escura, menor, lúgubre, tristonho/tristonha"""
        ),
    },
    mode_phrases={
        "major": words("em tom maior, em modo maior, tonalidade maior, em dó maior, em sol maior, em fá maior"),
        "minor": words("em tom menor, em modo menor, tonalidade menor, em dó menor, em sol menor, em fá menor"),
    },
    beats=words("{} bpm, a {} bpm, {} batidas por minuto"),
    genres={
        "electronic": words("eletrônica, música eletrônica, música eletrónica, electro"),
        "techno": words("techno, tecno, trance"),
        "house": words("house, deep house"),
        "edm": words("edm, música de dança, música dance"),
        "drum and bass": words("drum and bass, jungle"),
        "disco": words("disco, discoteca"),
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
        "classical": words("clássica, música clássica, barroca, música de câmara"),
        "orchestral": words("orquestral, música orquestral, sinfônica, sinfonia"),
        "cinematic": words("trilha sonora, banda sonora, música de cinema, cinematográfica, música de filme"),
        "lullaby": words("canção de ninar, cantiga de ninar, canção de embalar"),
        "ambient": words("ambient, música ambiente, ambiente sonoro"),
        "meditation": words("música de meditação, meditação, música zen, música de ioga"),
        "lo-fi": words("lo-fi, lofi"),
        "hip hop": words("hip hop, hip-hop, rap, trap"),
        "jazz": words("jazz, swing, trio de jazz"),
        "ballad": words("balada, balada romântica"),
    },
    pieces={
        0: words("tema, instrumental, fundo musical"),
        1: words("música, canção, melodia, peça, composição, faixa, música de fundo"),
    },
    heads=words("""{piece} de {instrument}, {piece} com {instrument}, {piece} para {instrument}, {instrument}"""),
    genre_heads=words("{piece} {genre}, {genre}, {genre}, {piece} de {genre}"),
    solos=words("{} solo, solo de {}, {}, {} sozinho, somente {}, apenas {}"),
    drum_heads=words("bateria, solo de bateria, apenas bateria, percussão, ritmo de bateria, tambores"),
    company=words("com {}, com {}, acompanhado de {}, e {}, além de {}"),
    without=words("sem {}, nada de {}, sem nenhuma {}"),
    sentences=(
        "{head} {adjectives} {company}, {rest}",
        "{head} {company} {adjectives}, {rest}",
        "{adjectives}, {head} {company}, {rest}",
    ),
    asks=words(
        """uma {}, um {}, faça uma {}, crie {}, quero uma {}, gere {}, por favor {}, componha {}, eu gostaria de {}"""
    ),
    request="música de {instrument} {tempo} e {mode} {company}, {key}",
    adjective_commas=(" e ", " ", ", "),
    and_=(" e ",),
    fillers=words(
        """o, a, os, as, de, do, da, um, uma, e, para, em, no, muito, como, noite, dia, chuva, mar, floresta, cidade,
        verão, inverno, amor, sonho, esperança, épico, antigo, moderno, velho, novo, jogo, filme, cena, história,
        café, estrada, viagem, festa, anos 80, retrô, quente, frio, azul, vermelho, luz, céu, estrelas, rio,
        montanha, dragão, herói, batalha, memória, manhã, tarde, bonita, linda, qualidade, gravação, estúdio, som,
        estilo, clima, que, evoca, sob, dois, emocional, sem voz, sem letra, olá, mundo, é, eu, você, este, esta,
        com, mais, pequeno, grande, sol, passeio, romântica, tensão, espaço, oceano, anúncio, gato, cachorro, casa,
        teste, algo, hoje"""
    ),
)
