"""What is said of models' files, in French, by the English template."""

from typing import Final

FRENCH_MODELS: Final = {
    # What surrounds a reason
    "{model} could not be loaded: {sentence}": "Impossible de charger {model} : {sentence}",
    "in {folder}, {sentence}.": "dans {folder}, {sentence}.",
    "{file} of {repository}": "{file} de {repository}",
    # The hub
    "The hub does not have {what}.": "Le hub n’a pas {what}.",
    "The hub does not have {what}, or shows it only to a token (HF_TOKEN), which is not set.": (
        "Le hub n’a pas {what}, ou ne le montre qu’avec un jeton (HF_TOKEN), qui n’est pas défini."
    ),
    "{what} is not downloaded yet, and HF_HUB_OFFLINE switches the hub off.": (
        "{what} n’est pas encore téléchargé, et HF_HUB_OFFLINE coupe l’accès au hub."
    ),
    "{what} is not downloaded yet, and the hub cannot be asked: {why}.": (
        "{what} n’est pas encore téléchargé, et le hub ne peut être interrogé : {why}."
    ),
    "{what} is not downloaded yet, and the hub is switched off or cannot be reached.": (
        "{what} n’est pas encore téléchargé, et le hub est coupé ou injoignable."
    ),
    "{what} is not downloaded yet, and HF_ENDPOINT is not an address such as https://hub.": (
        "{what} n’est pas encore téléchargé, et HF_ENDPOINT n’est pas une adresse comme https://hub."
    ),
    (
        "{what} is not downloaded yet, and what answers in the hub's place is something else: HF_ENDPOINT must "
        "be the address of a hub, and the network may ask for a login."
    ): (
        "{what} n’est pas encore téléchargé, et ce qui répond n’est pas le hub : HF_ENDPOINT doit être l’adresse "
        "d’un hub, et le réseau demande peut-être une connexion."
    ),
    (
        "{what} is not downloaded yet, and the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names does not "
        "let requests through to the hub; its address or its password may be wrong."
    ): (
        "{what} n’est pas encore téléchargé, et le proxy que désigne HTTPS_PROXY, HTTP_PROXY ou ALL_PROXY ne "
        "laisse pas passer les requêtes vers le hub ; son adresse ou son mot de passe est peut-être faux."
    ),
    "{what} cannot be asked for: HF_TOKEN holds a character that no token has.": (
        "Impossible de demander {what} : HF_TOKEN contient un caractère qu’aucun jeton n’a."
    ),
    "it does not answer in time": "il ne répond pas à temps",
    "it does not answer in time ({variables} is set: perhaps the proxy cannot)": (
        "il ne répond pas à temps ({variables} est défini : le proxy n’y arrive peut-être pas)"
    ),
    "it cannot be reached": "il est injoignable",
    "it cannot be reached ({variables} is set: perhaps the proxy cannot)": (
        "il est injoignable ({variables} est défini : le proxy n’y arrive peut-être pas)"
    ),
    (
        "its certificate is not trusted; where a proxy reads along, SSL_CERT_FILE must name a file with the "
        "proxy's certificate"
    ): (
        "son certificat n’est pas reconnu ; si un proxy déchiffre le trafic, SSL_CERT_FILE doit désigner un "
        "fichier avec le certificat du proxy"
    ),
    "SSL_CERT_FILE or SSL_CERT_DIR names certificates that cannot be read ({why})": (
        "SSL_CERT_FILE ou SSL_CERT_DIR désigne des certificats illisibles ({why})"
    ),
    (
        "{variable} cannot be used: a proxy's address begins with http://, https://, socks5:// or socks5h://, "
        "and not with {scheme}://"
    ): (
        "{variable} est inutilisable : l’adresse d’un proxy commence par http://, https://, socks5:// ou "
        "socks5h://, pas par {scheme}://"
    ),
    "{variable} cannot be used: it must be an address such as http://proxy:3128": (
        "{variable} est inutilisable : ce doit être une adresse comme http://proxy:3128"
    ),
    "The download of {what} broke off ({kind}). Try again.": (
        "Le téléchargement de {what} s’est interrompu ({kind}). Réessayez."
    ),
    "The hub {why}. Try again for {what} in {seconds} s.": "Le hub {why}. Redemandez {what} dans {seconds} s.",
    "limits how often it is asked; a token (HF_TOKEN) raises the limit": (
        "limite la fréquence des demandes ; un jeton (HF_TOKEN) relève cette limite"
    ),
    "is not available": "n’est pas disponible",
    "The hub failed with an error of its own ({status}) for {what}. Try again later.": (
        "Le hub a rencontré une erreur interne ({status}) pour {what}. Réessayez plus tard."
    ),
    "The hub does not accept the token in HF_TOKEN for {what}: it is wrong or has expired.": (
        "Le hub refuse le jeton de HF_TOKEN pour {what} : il est faux ou a expiré."
    ),
    (
        "The hub gives {what} only to those who have accepted its licence there; HF_TOKEN must be a token of "
        "such an account."
    ): ("Le hub ne donne {what} qu’à ceux qui y ont accepté sa licence ; HF_TOKEN doit être le jeton d’un tel compte."),
    "The hub has closed the access to {what}.": "Le hub a fermé l’accès à {what}.",
    "The hub refuses {what} (403): {why}.": "Le hub refuse {what} (403) : {why}.",
    "the token in HF_TOKEN has no right to it": "le jeton de HF_TOKEN n’y donne pas droit",
    "HF_TOKEN is not set, and may be needed": "HF_TOKEN n’est pas défini, et peut être nécessaire",
    "The hub answered {status} for {what}.": "Le hub a répondu {status} pour {what}.",
    "{why}; {what} could not be saved. {variable} names the place.": (
        "{why} ; {what} n’a pas pu être enregistré. {variable} désigne l’emplacement."
    ),
    "The disk is full": "Le disque est plein",
    "The folder of downloaded files may not be written by the user of the service": (
        "L’utilisateur du service n’a pas le droit d’écrire dans le dossier des téléchargements"
    ),
    "The place of downloaded files is not a folder": "L’emplacement des téléchargements n’est pas un dossier",
    "The disk failed ({why})": "Le disque a échoué ({why})",
    # Files that are not there, or cannot be read
    "The folder of {file} does not exist.": "Le dossier de {file} n’existe pas.",
    "{file} is missing in its folder.": "{file} manque dans son dossier.",
    "MUSICGEN_MODELS names a file; it must name the folder that the file lies in.": (
        "MUSICGEN_MODELS désigne un fichier ; il doit désigner le dossier où il se trouve."
    ),
    (
        "{sentence}; it holds a checkpoint of AudioCraft's training. Export it with audiocraft.utils.export: "
        "export_lm makes {model}, export_pretrained_compression_model makes {codec}."
    ): (
        "{sentence} ; il contient un point de contrôle de l’entraînement d’AudioCraft. Exportez-le avec "
        "audiocraft.utils.export : export_lm produit {model}, export_pretrained_compression_model produit "
        "{codec}."
    ),
    (
        "{sentence}; this is an adapter of PEFT, which holds the differences from another model. Merge the two "
        "by merge_and_unload(), then save_pretrained() makes a model that can be loaded."
    ): (
        "{sentence} ; c’est un adaptateur PEFT, qui contient les différences avec un autre modèle. Fusionnez les "
        "deux avec merge_and_unload(), puis save_pretrained() produit un modèle qui peut être chargé."
    ),
    (
        "{sentence}; this is a model in transformers' format of a kind that is not supported (config.json says "
        "{kind}). It needs AudioCraft's {model} and {codec}, as facebook/musicgen-small has them."
    ): (
        "{sentence} ; c’est un modèle au format de transformers, d’un type non pris en charge (config.json dit "
        "{kind}). Il faut les fichiers {model} et {codec} d’AudioCraft, comme dans facebook/musicgen-small."
    ),
    "config.json is missing.": "config.json manque.",
    "model.safetensors is missing.": "model.safetensors manque.",
    "its tokenizer ({names}) is missing.": "son tokenizer ({names}) manque.",
    (
        "Its tokenizer ({names}) is missing. It is that of its text encoder: save transformers' AutoProcessor "
        "beside the model."
    ): (
        "Son tokenizer ({names}) manque. C’est celui de son encodeur de texte : enregistrez l’AutoProcessor de "
        "transformers à côté du modèle."
    ),
    "tokenizer.json or spiece.model": "tokenizer.json ou spiece.model",
    "{what} may not be read by the user of the service. {place}.": (
        "L’utilisateur du service n’a pas le droit de lire {what}. {place}."
    ),
    "{variable} names the place": "{variable} désigne l’emplacement",
    "It belongs to the service's own installation": "Il fait partie de l’installation du service",
    "{what} is a folder, and must be a file.": "{what} est un dossier, et doit être un fichier.",
    "{what} could not be read: {why}.": "Impossible de lire {what} : {why}.",
    "The folder {name}": "le dossier {name}",
    "Its folder": "son dossier",
    # Files that are something else
    "{file} is empty (0 bytes); download or copy it again.": (
        "{file} est vide (0 octet) ; téléchargez-le ou copiez-le de nouveau."
    ),
    "{file} is a Git LFS pointer, not the file itself; `git lfs pull` fetches the file.": (
        "{file} est un pointeur Git LFS, pas le fichier lui-même ; `git lfs pull` récupère le fichier."
    ),
    "{file} is a web page, saved in place of the file; download the file again.": (
        "{file} est une page web, enregistrée à la place du fichier ; téléchargez-le de nouveau."
    ),
    "{file} is an archive; unpack it.": "{file} est une archive ; décompressez-la.",
    "{file} begins with zeros, as a download leaves it that broke off; download it again.": (
        "{file} commence par des zéros, comme après un téléchargement interrompu ; téléchargez-le de nouveau."
    ),
    "{file} is a zip archive of something else; unpack it.": (
        "{file} est une archive zip d’autre chose ; décompressez-la."
    ),
    "{file} is cut off: its end, where the list of its contents belongs, is missing; download it again.": (
        "{file} est tronqué : sa fin, où se trouve la liste de son contenu, manque ; téléchargez-le de nouveau."
    ),
    "{file} is cut off or broken ({why}); download it again.": (
        "{file} est tronqué ou abîmé ({why}) ; téléchargez-le de nouveau."
    ),
    "{file} is broken inside ({why}); download it again.": "{file} est abîmé ({why}) ; téléchargez-le de nouveau.",
    "{file} is broken inside; download or copy it again.": (
        "{file} est abîmé ; téléchargez-le ou copiez-le de nouveau."
    ),
    "{file} is broken inside or cut off; download or copy it again.": (
        "{file} est abîmé ou tronqué ; téléchargez-le ou copiez-le de nouveau."
    ),
    "{file} is not valid JSON ({why}).": "{file} n’est pas du JSON valide ({why}).",
    "{file} must hold a JSON object, and holds a {kind}.": (
        "{file} doit contenir un objet JSON, et contient : {kind}."
    ),
    "{file} is in {format}; it must be in {right}.": "{file} est dans {format} ; il doit être dans {right}.",
    "{file} is in {format}; it must be a file that AudioCraft exported, in torch's format.": (
        "{file} est dans {format} ; ce doit être un fichier exporté par AudioCraft, au format de torch."
    ),
    "torch's format": "le format de torch",
    "torch's old format": "l’ancien format de torch",
    "safetensors' format": "le format de safetensors",
    "no format that is known here": "un format inconnu ici",
    "{file} holds a {kind}; it must hold a dictionary.": (
        "{file} contient : {kind} ; il doit contenir un dictionnaire."
    ),
    "{file} holds Python objects besides weights and texts, which are not loaded because they could run code.": (
        "{file} contient des objets Python en plus des poids et des textes ; ils ne sont pas chargés, car ils "
        "pourraient exécuter du code."
    ),
    "{file} is something else: {what}.": "{file} est autre chose : {what}.",
    "a checkpoint of PyTorch Lightning; AudioCraft's files are made by its own export": (
        "un point de contrôle de PyTorch Lightning ; les fichiers d’AudioCraft sont produits par son propre export"
    ),
    (
        "a checkpoint of AudioCraft's training (Dora); export it with audiocraft.utils.export (export_lm for "
        "state_dict.bin, export_encodec for compression_state_dict.bin)"
    ): (
        "un point de contrôle de l’entraînement d’AudioCraft (Dora) ; exportez-le avec audiocraft.utils.export "
        "(export_lm pour state_dict.bin, export_encodec pour compression_state_dict.bin)"
    ),
    "the file of MultiBand Diffusion, whose place is MUSICGEN_MBD": (
        "le fichier de MultiBand Diffusion, dont la place est MUSICGEN_MBD"
    ),
    # Packages that AudioCraft exported
    "{model} only names a codec; it and {codec} may be exchanged.": (
        "{model} ne fait que nommer un codec ; ce fichier et {codec} sont peut-être intervertis."
    ),
    "{file} holds a codec; it and compression_state_dict.bin may be exchanged.": (
        "{file} contient un codec ; ce fichier et compression_state_dict.bin sont peut-être intervertis."
    ),
    "{file} holds a language model; it and state_dict.bin may be exchanged.": (
        "{file} contient un modèle de langage ; ce fichier et state_dict.bin sont peut-être intervertis."
    ),
    "Its codec is {codec}, which is not supported; a MusicGen's codec is an EnCodec.": (
        "Son codec est {codec}, qui n’est pas pris en charge ; le codec d’un MusicGen est un EnCodec."
    ),
    "{file} points at {other}, which points at {third} in its turn.": (
        "{file} renvoie à {other}, qui renvoie à son tour à {third}."
    ),
    "{file} has no {key}; {what}.": "{file} n’a pas de {key} ; {what}.",
    "{file}: 'pretrained' must be the name of a codec, and is a {kind}.": (
        "{file} : 'pretrained' doit être le nom d’un codec, et est de type {kind}."
    ),
    "{file}: 'best_state' must hold the weights by their names; {what}.": (
        "{file} : 'best_state' doit contenir les poids par leurs noms ; {what}."
    ),
    "{file}: {name} in 'best_state' must be a tensor, and is {kind}.": (
        "{file} : {name} dans 'best_state' doit être un tenseur, et est {kind}."
    ),
    "{file}: 'xp.cfg' must be a text in YAML, and is {kind}.": (
        "{file} : 'xp.cfg' doit être un texte en YAML, et est {kind}."
    ),
    "{file}: 'xp.cfg' is not valid YAML.": "{file} : 'xp.cfg' n’est pas du YAML valide.",
    "{file}: 'xp.cfg' is not valid YAML (line {line}).": "{file} : 'xp.cfg' n’est pas du YAML valide (ligne {line}).",
    "{file}: 'xp.cfg' holds no configuration.": "{file} : 'xp.cfg' ne contient pas de configuration.",
    "it holds bare weights without AudioCraft's configuration; export the model with audiocraft.utils.export": (
        "il contient des poids seuls, sans la configuration d’AudioCraft ; exportez le modèle avec "
        "audiocraft.utils.export"
    ),
    "it is {what}": "c’est {what}",
    "it has {what}": "on y trouve {what}",
    "a {kind}": "de type {kind}",
    "empty": "vide",
    "nothing": "rien",
    # Configurations
    "{file}: {key} is {value}; it must be {right}.": "{file} : valeur de {key} : {value} ; attendu : {right}.",
    "{file}: {key} cannot be read.": "{file} : {key} est illisible.",
    "{key} in 'xp.cfg'": "{key} dans 'xp.cfg'",
    "missing": "absente",
    "config.json: {part}.model_type is {value}; it must be {right}, {why}.": (
        "config.json : {part}.model_type vaut {value} ; attendu : {right}, {why}."
    ),
    "whose words MusicGen knows": "dont MusicGen connaît les mots",
    "as a MusicGen's codec is": "comme l’est le codec d’un MusicGen",
    "transformer_lm or transformer_lm_magnet; other kinds are not supported": (
        "transformer_lm ou transformer_lm_magnet ; les autres types ne sont pas pris en charge"
    ),
    "encodec; other codecs are not supported": "encodec ; les autres codecs ne sont pas pris en charge",
    "the name of a T5 text encoder": "le nom d’un encodeur de texte T5",
    "at most {seconds} s in a MAGNeT": "{seconds} s au maximum dans un MAGNeT",
    "{count} whole numbers of at least 0, one a codebook": "{count} entiers d’au moins 0, un par dictionnaire",
    "a whole number of at least {least}": "un entier d’au moins {least}",
    "a number above 0": "un nombre supérieur à 0",
    "a list of whole numbers of at least {least}": "une liste d’entiers d’au moins {least}",
    "a multiple of {divisor}, which is {unit}": "un multiple de {divisor}, qui vaut {unit}",
    "{value}, as every MAGNeT has it": "{value}, comme dans tout MAGNeT",
    "{size}, as {what} shows": "{size}, comme le montre {what}",
    "{size}, as {what} in {file} shows": "{size}, comme le montre {what} dans {file}",
    "at most {most}, as {file} has so many tensors of it": "{most} au maximum : {file} en a autant de tenseurs",
    "the count of its embeddings (emb)": "le nombre de ses plongements (emb)",
    "the count of its transformer.layers": "le nombre de ses transformer.layers",
    "the count of its embed_tokens": "le nombre de ses embed_tokens",
    "the count of its layers": "le nombre de ses couches",
    "the height of emb.0.weight": "la hauteur de emb.0.weight",
    "the width of emb.0.weight": "la largeur de emb.0.weight",
    "gelu or relu": "gelu ou relu",
    "null, as MusicGen has it": "null, comme dans MusicGen",
    "{count}, the tones of an octave": "{count}, les demi-tons d’une octave",
    "null: a MusicGen's codec takes the whole piece": "null : le codec d’un MusicGen prend le morceau entier",
    "1; a stereo MusicGen decodes left and right apart": (
        "1 ; un MusicGen stéréo décode séparément la gauche et la droite"
    ),
    # Parts that do not fit
    "{what} cannot be built.": "{what} ne peut pas être construit.",
    "{what} cannot be built: {key} in its configuration is missing or not what it must be.": (
        "{what} ne peut pas être construit : {key} manque dans sa configuration, ou n’est pas ce qu’il doit être."
    ),
    "The codec in {place}": "Le codec dans {place}",
    "The text encoder in {place}": "L’encodeur de texte dans {place}",
    "The tokenizer in {place}": "Le tokenizer dans {place}",
    "The tokenizer": "Le tokenizer",
    "The language model in {place}": "Le modèle de langage dans {place}",
    "The model from {files}": "Le modèle fait de {files}",
    "decoder and audio_encoder in config.json": "decoder et audio_encoder dans config.json",
    "state_dict.bin and compression_state_dict.bin": "state_dict.bin et compression_state_dict.bin",
    "{files} do not belong together: the one is for audio at {one} Hz, the other at {other} Hz.": (
        "{files} ne vont pas ensemble : l’un est fait pour du son à {one} Hz, l’autre à {other} Hz."
    ),
    (
        "{files} do not belong together: the one writes {codebooks} codebooks of {entries} entries, the other "
        "reads {others} of {other_entries}."
    ): (
        "{files} ne vont pas ensemble : l’un écrit {codebooks} dictionnaires de {entries} entrées, l’autre en "
        "lit {others} de {other_entries}."
    ),
    "its weights and its 'xp.cfg' belong to different models": "ses poids et son 'xp.cfg' sont de modèles différents",
    "{file} lacks the tensor {name} {shape}; {why}.": "Il manque à {file} le tenseur {name} {shape} ; {why}.",
    "{file} lacks the tensor {name} {shape}, which config.json asks for.": (
        "Il manque à {file} le tenseur {name} {shape}, que config.json exige."
    ),
    "{file} lacks the tensor {name}, which {index} says it holds.": (
        "Il manque à {file} le tenseur {name}, que {index} y annonce."
    ),
    "{where} lacks the tensor {name}.": "{where} : il manque le tenseur {name}.",
    "{where} has a wrong shape in {name}.": "{where} : mauvaise forme du tenseur {name}.",
    "{file}: the tensor {name} is {shape}, and must be {right} by the configuration; {why}.": (
        "{file} : le tenseur {name} est {shape}, et doit être {right} d’après la configuration ; {why}."
    ),
    "{file}: the tensor {name} is {shape}, and must be {right} by config.json.": (
        "{file} : le tenseur {name} est {shape}, et doit être {right} d’après config.json."
    ),
    "{file} has a tensor too many, {name}; {why}.": "{file} a un tenseur de trop, {name} ; {why}.",
    "{file} has a tensor too many, {name}: {config} does not ask for it.": (
        "{file} a un tenseur de trop, {name} : {config} ne le demande pas."
    ),
    "{where}: the tensor {name} holds weights that are not finite numbers (NaN, infinity).": (
        "{where} : le tenseur {name} contient des poids qui ne sont pas des nombres finis (NaN, infini)."
    ),
    "{file}: {name} must be a tensor, and is a {kind}; transformers saves the weights alone, by their names.": (
        "{file} : {name} doit être un tenseur, et est de type {kind} ; transformers n’enregistre que les poids, "
        "par leurs noms."
    ),
    "{file} has no 'weight_map', which must name the file of each tensor.": (
        "{file} n’a pas de 'weight_map', qui doit nommer le fichier de chaque tenseur."
    ),
    "{file}: {name} in 'weight_map' must be the name of a file beside it.": (
        "{file} : {name} dans 'weight_map' doit être le nom d’un fichier du même dossier."
    ),
    # What the engine does not do
    "The engine cannot run this model: {why}. With MUSICGEN_ENGINE=auto AudioCraft does.": (
        "Le moteur ne peut pas exécuter ce modèle : {why}. Avec MUSICGEN_ENGINE=auto, AudioCraft s’en charge."
    ),
    "it decides all frames at once (MAGNeT)": "il décide toutes les trames d’un coup (MAGNeT)",
    "its codebook pattern is not a plain delay": "le motif de ses dictionnaires n’est pas un simple décalage",
    "conditions are added to its input": "des conditions sont ajoutées à son entrée",
    "it normalises after its layers": "il normalise après ses couches",
    "its activation is not GELU": "son activation n’est pas GELU",
    "its layers are scaled": "ses couches sont mises à l’échelle",
    "it normalises queries and keys": "il normalise requêtes et clés",
    "it repeats keys and values": "il répète clés et valeurs",
    "it decays rotations (xPos)": "il atténue les rotations (xPos)",
    "it limits or rotates memory-efficient attention": "il limite ou fait tourner l’attention économe en mémoire",
}
