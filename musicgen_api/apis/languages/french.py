"""The service's sentences in French, by the English template."""

from typing import Final

FRENCH: Final = {
    # How errors about fields are put together
    "Invalid request. {reasons}": "Requête non valide. {reasons}",
    ": ": " : ",
    "; ": " ; ",
    # Fields of a request
    "Missing data for required field.": "Ce champ est obligatoire.",
    "Unknown field.": "Champ inconnu.",
    "Field may not be null.": "Ne doit pas être null.",
    "Invalid input type.": "Doit être un objet JSON.",
    "Invalid type.": "Doit être un objet JSON.",
    "Not a valid list.": "Doit être une liste.",
    "Must be greater than or equal to {min}.": "Doit être supérieur ou égal à {min}.",
    "Must be greater than {min}.": "Doit être supérieur à {min}.",
    "Must be greater than or equal to {min} and less than or equal to {max}.": (
        "Doit être compris entre {min} et {max}."
    ),
    "Longer than maximum length {max}.": "Trop long : {max} caractères au maximum.",
    "Length must be between {min} and {max}.": "Doit compter de {min} à {max} éléments.",
    "Must be one of {names}.": "Doit être l’une de ces valeurs : {names}.",
    "Must be an integer.": "Doit être un entier.",
    "Must be a number.": "Doit être un nombre.",
    "Must have no number that is too large for a float.": "Ne doit pas contenir de nombre trop grand pour un flottant.",
    "Must be a finite number.": "Doit être un nombre fini.",
    "Must be true or false.": "Doit être true ou false.",
    "Must be text.": "Doit être du texte.",
    "Must not be blank.": "Ne doit pas être vide.",
    "Must be valid Unicode: it holds half of a surrogate pair.": (
        "Doit être de l’Unicode valide : il contient une moitié de paire de substitution."
    ),
    "Must not be null: leave the field out to get its default.": (
        "Ne doit pas être null : omettez le champ pour obtenir sa valeur par défaut."
    ),
    "Must be given once.": "Doit être donné une seule fois.",
    "Must be text in UTF-8, not a file.": "Doit être du texte en UTF-8, pas un fichier.",
    "Must be a file: a part of multipart/form-data with a file name, or in JSON a data: URL in base64.": (
        "Doit être un fichier : une partie de multipart/form-data avec un nom de fichier ou, en JSON, une URL "
        "data: en base64."
    ),
    "Must be a data: URL in base64, data:audio/wav;base64,... What follows the comma is not base64.": (
        "Doit être une URL data: en base64, data:audio/wav;base64,... Ce qui suit la virgule n’est pas du base64."
    ),
    "Unknown model. Known: {models}.": "Modèle inconnu. Modèles connus : {models}.",
    "{model} cannot follow a melody. These can: {others}.": (
        "{model} ne sait pas suivre une mélodie. Ceux-ci le peuvent : {others}."
    ),
    "{model} cannot follow a melody; {other}.": "{model} ne sait pas suivre une mélodie ; {other}.",
    "facebook/musicgen-melody is one that does": "facebook/musicgen-melody le peut",
    "Must be longer than what is kept of continuation, {kept} s: it is the whole result.": (
        "Doit dépasser ce qui est gardé de continuation, {kept} s : c’est la durée de tout le résultat."
    ),
    "Must be within the file, which lasts {length} s.": "Doit être dans le fichier, qui dure {length} s.",
    "Must be at least {least} s before the end of what is kept, {end} s.": (
        "Doit précéder d’au moins {least} s la fin de ce qui est gardé, {end} s."
    ),
    "Needs continuation: the music to go on from.": "Nécessite continuation : la musique à prolonger.",
    "Must be left out where sections are given.": "Doit être omis quand sections est donné.",
    "In all {seconds} seconds. {sentence}": "En tout {seconds} secondes. {sentence}",
    "The fades must fit into the duration of {seconds} seconds.": (
        "Les fondus doivent tenir dans la durée de {seconds} secondes."
    ),
    "Must be left out of a loop: its ends meet.": "Doit être omis pour une boucle : ses deux bouts se rejoignent.",
    "Must be without loop: a loop's beginning is made of its end.": (
        "Incompatible avec loop : le début d’une boucle est fait de sa fin."
    ),
    "Must be one take: sound that is sent while it is made is one piece.": (
        "Une seule prise : le son envoyé pendant sa création est un seul morceau."
    ),
    "Must be without mbd: diffusion needs the whole piece.": (
        "Incompatible avec mbd : la diffusion a besoin du morceau entier."
    ),
    "Must be left out: this model makes a piece from one description.": (
        "Doit être omis : ce modèle fait un morceau à partir d’une seule description."
    ),
    "Must be left out: this model cannot go on from other music.": (
        "Doit être omis : ce modèle ne sait pas prolonger une musique."
    ),
    "Must be left out: this model cannot follow a melody.": (
        "Doit être omis : ce modèle ne sait pas suivre une mélodie."
    ),
    "Must be false: a loop is made of more music than it lasts, and this model makes pieces of one length.": (
        "Doit être false : une boucle est faite de plus de musique qu’elle ne dure, et ce modèle fait des "
        "morceaux d’une seule longueur."
    ),
    "Must be false: this model decides the whole piece at once, so nothing can be heard before its end.": (
        "Doit être false : ce modèle décide tout le morceau d’un coup, rien ne s’entend avant la fin."
    ),
    "Must be {duration}: every piece of this model lasts {seconds} seconds.": (
        "Doit être {duration} : chaque morceau de ce modèle dure {seconds} secondes."
    ),
    "Must be {shortest} to {longest}: the longest piece of this service is {seconds} s.": (
        "Doit être compris entre {shortest} et {longest} : le plus long morceau de ce service dure {seconds} s."
    ),
    "Must be left out where a composition_plan is given.": "Doit être omis quand composition_plan est donné.",
    "Must be given where there is no composition_plan.": "Obligatoire en l’absence de composition_plan.",
    "Must have sections or chunks.": "Doit avoir sections ou chunks.",
    "Must have at most {most} parts.": "Doit avoir {most} parties au maximum.",
    "Each part must have a positive style.": "Chaque partie doit avoir un style positif.",
    "The styles of a part must have at most {most} characters together.": (
        "Les styles d’une partie doivent compter ensemble {most} caractères au maximum."
    ),
    "The longest piece of this service is {most} s.": "Le plus long morceau de ce service dure {most} s.",
    "The service makes music without vocals and cannot sing. Leave the lyrics out.": (
        "Le service fait de la musique sans voix et ne sait pas chanter. Retirez les paroles."
    ),
    (
        "The service makes music without vocals and cannot sing. Leave the lyrics out. A [name] and directions "
        "in curly brackets may stay."
    ): (
        "Le service fait de la musique sans voix et ne sait pas chanter. Retirez les paroles. Un [nom] et des "
        "indications entre accolades peuvent rester."
    ),
    # The body of a request
    "The body must be a JSON object.": "Le corps doit être un objet JSON.",
    "The part `request` must be a JSON object.": "La partie `request` doit être un objet JSON.",
    "The body must be JSON, sent with the header Content-Type: application/json.": (
        "Le corps doit être du JSON, envoyé avec l’en-tête Content-Type: application/json."
    ),
    "The body must be application/json, or multipart/form-data with its boundary.": (
        "Le corps doit être application/json, ou multipart/form-data avec son délimiteur (boundary)."
    ),
    "The body is not valid multipart/form-data.": "Le corps n’est pas du multipart/form-data valide.",
    "The body must not be compressed: send it without the header Content-Encoding.": (
        "Le corps ne doit pas être compressé : envoyez-le sans l’en-tête Content-Encoding."
    ),
    "The request body is larger than the service accepts.": (
        "Le corps de la requête est plus grand que ce que le service accepte."
    ),
    "The body is not valid JSON ({why}).": "Le corps n’est pas du JSON valide ({why}).",
    "it is nested too deeply": "il est imbriqué trop profondément",
    "it is not UTF-8": "ce n’est pas de l’UTF-8",
    "{name} is not JSON": "{name} n’est pas du JSON",
    "{what}, line {line}, column {column}": "{what}, ligne {line}, colonne {column}",
    "{what}: line {line} column {column} (char {char})": "{what} : ligne {line}, colonne {column} (caractère {char})",
    "Expecting value": "une valeur est attendue",
    "Expecting ',' delimiter": "« , » est attendu",
    "Expecting ':' delimiter": "« : » est attendu",
    "Expecting property name enclosed in double quotes": "un nom entre guillemets doubles est attendu",
    "Extra data": "données en trop",
    "Unterminated string starting at": "texte sans fin commencé à",
    "Invalid control character at": "caractère de contrôle interdit à",
    "Invalid \\escape": "séquence d’échappement \\ non valide",
    "Invalid \\uXXXX escape": "séquence d’échappement \\uXXXX non valide",
    "Unexpected UTF-8 BOM (decode using utf-8-sig)": "marque d’ordre des octets (BOM) inattendue",
    "Exceeds the limit ({most} digits) for integer string conversion: value has {digits} digits": (
        "un entier a {digits} chiffres, {most} au maximum"
    ),
    # HTTP
    "The browser (or proxy) sent a request that this server could not understand.": (
        "Le navigateur (ou un proxy) a envoyé une requête que ce serveur ne comprend pas."
    ),
    (
        "The requested URL was not found on the server. If you entered the URL manually please check your "
        "spelling and try again."
    ): "Cette adresse n’existe pas sur le serveur. Si vous l’avez saisie à la main, vérifiez-la et réessayez.",
    "The method is not allowed for the requested URL.": "Cette adresse n’accepte pas cette méthode.",
    "The server does not support the media type transmitted in the request.": (
        "Le serveur ne prend pas en charge le type de contenu de la requête."
    ),
    "The server cannot provide the requested range.": "Le serveur ne peut pas fournir la plage demandée.",
    "The address is another one: it stands in the header Location.": (
        "L’adresse est une autre : elle figure dans l’en-tête Location."
    ),
    (
        "This service does not answer to the name {name}. If that is a name of it, add it, without the port, to "
        "the setting MUSICGEN_HOSTS."
    ): (
        "Ce service ne répond pas au nom {name}. Si c’est l’un de ses noms, ajoutez-le, sans le port, au réglage "
        "MUSICGEN_HOSTS."
    ),
    (
        "A web page of {origin} may not use this service. If it is a page of yours, add its origin to the "
        "setting MUSICGEN_CORS_ORIGINS."
    ): (
        "Une page web de {origin} n’a pas le droit d’utiliser ce service. Si c’est l’une des vôtres, ajoutez son "
        "origine au réglage MUSICGEN_CORS_ORIGINS."
    ),
    "another site": "un autre site",
    "{why}. Send one as Authorization: Bearer <key> or as xi-api-key: <key>.": (
        "{why}. Envoyez-en une dans Authorization: Bearer <clé> ou dans xi-api-key: <clé>."
    ),
    "The API key is not one of this service's": "La clé d’API n’est pas une clé de ce service",
    "This service needs an API key": "Ce service demande une clé d’API",
    # Try again later
    "busy: {why}. Try again in {seconds} s.": "occupé : {why}. Réessayez dans {seconds} s.",
    "the default model is being loaded": "le modèle par défaut est en cours de chargement",
    "one piece of music is generated at a time": "un seul morceau est généré à la fois",
    "{why}, and {waiting} requests wait for their turn": "{why}, et {waiting} requêtes attendent leur tour",
    "The service has too many clients at the moment. Try again in a few seconds.": (
        "Le service a trop de clients en ce moment. Réessayez dans quelques secondes."
    ),
    "The service is shutting down. Try again shortly.": "Le service s’arrête. Réessayez dans un instant.",
    # How a job ends
    "The client closed the connection.": "Le client a fermé la connexion.",
    "The job was cancelled.": "La tâche a été annulée.",
    "The job ended without a result.": "La tâche s’est terminée sans résultat.",
    "The download was stopped.": "Le téléchargement a été arrêté.",
    "The music was not read as fast as it was made; the job was stopped.": (
        "La musique n’était pas lue aussi vite qu’elle était créée ; la tâche a été arrêtée."
    ),
    "An internal error occurred; the server's log has the details under the id.": (
        "Une erreur interne s’est produite ; le journal du serveur en a les détails sous l’identifiant id."
    ),
    "{what} failed ({kind}); the server's log has the details under {id}.": (
        "{what} : échec ({kind}) ; le journal du serveur en a les détails sous {id}."
    ),
    "Loading the default model": "Chargement du modèle par défaut",
    "Starting the synthesizer": "Démarrage du synthétiseur",
    "Generating with {model}": "Génération avec {model}",
    "The model made no audio with these parameters: it holds NaN or infinity.": (
        "Avec ces paramètres, le modèle n’a pas produit de son : le résultat contient NaN ou l’infini."
    ),
    "Out of memory while {doing}. Ask for less music or a smaller model.": (
        "Mémoire insuffisante ({doing}). Demandez moins de musique ou un modèle plus petit."
    ),
    "The device failed while {doing}; the service is restarting.": (
        "Panne du processeur graphique ({doing}) ; le service redémarre."
    ),
    "loading {model}": "chargement de {model}",
    "generating {seconds} s with {model}": "génération de {seconds} s avec {model}",
    "The device was lost; the service is restarting.": (
        "Le processeur graphique ne répond plus ; le service redémarre."
    ),
    "MUSICGEN_DEVICE is {device}, but torch finds {count} GPUs.": (
        "MUSICGEN_DEVICE vaut {device}, mais torch trouve {count} GPU."
    ),
    "MultiBand Diffusion (mbd) was not trained for the codec of {model}.": (
        "MultiBand Diffusion (mbd) n’a pas été entraîné pour le codec de {model}."
    ),
    "MultiBand Diffusion (mbd) does not fit the codec of {model}.": (
        "MultiBand Diffusion (mbd) ne convient pas au codec de {model}."
    ),
    "MultiBand Diffusion (mbd) cannot be used: {sentence}": "MultiBand Diffusion (mbd) est inutilisable : {sentence}",
    "{file} is damaged, or holds something else.": "{file} est endommagé ou contient autre chose.",
    "Band {number} of {file}": "La bande {number} de {file}",
    (
        "Demucs, for the melody, cannot be had: {sentence} With MUSICGEN_MELODY_SEPARATION=none melodies are "
        "followed without it: hummed or solo ones need none."
    ): (
        "Demucs, pour la mélodie, est indisponible : {sentence} Avec MUSICGEN_MELODY_SEPARATION=none, on s’en "
        "passe : une mélodie fredonnée ou jouée seule n’en a pas besoin."
    ),
    (
        "Demucs, for the melody, cannot be used: {file} is damaged. With MUSICGEN_MELODY_SEPARATION=none "
        "melodies are followed without it: hummed or solo ones need none."
    ): (
        "Demucs, pour la mélodie, est inutilisable : {file} est endommagé. Avec MUSICGEN_MELODY_SEPARATION=none, "
        "on s’en passe : une mélodie fredonnée ou jouée seule n’en a pas besoin."
    ),
    # Uploads
    "It is empty.": "Il est vide.",
    "It is {size} bytes long; at most {most} are read.": "Il fait {size} octets ; {most} au maximum sont lus.",
    "It is not a WAV, FLAC, MP3, Ogg, MP4 (M4A) or WebM file.": (
        "Ce n’est pas un fichier WAV, FLAC, MP3, Ogg, MP4 (M4A) ou WebM."
    ),
    "It ends early: much of the sound that its header speaks of is not there.": (
        "Il s’arrête trop tôt : une grande partie du son annoncé par son en-tête manque."
    ),
    "There is no sound in it.": "Il ne contient pas de son.",
    "Its sound is coded as {codec}: that is not read.": "Son codage audio n’est pas pris en charge : {codec}.",
    "nothing known": "inconnu",
    "Its sample rate is {rate} Hz; {least} to {most} are read.": (
        "Sa fréquence d’échantillonnage est de {rate} Hz ; {least} à {most} sont acceptés."
    ),
    "It takes more than {seconds} s to decode.": "Son décodage prend plus de {seconds} s.",
    "It takes too long to read.": "Sa lecture prend trop de temps.",
    "Much of it is damaged.": "Il est en grande partie endommagé.",
    "It says that it lasts {declared} s, and ends after {seconds} s.": (
        "Il annonce {declared} s et se termine après {seconds} s."
    ),
    "Its sample rate or its channels change on the way.": (
        "Sa fréquence d’échantillonnage ou ses canaux changent en cours de route."
    ),
    "It has {channels} channels; 1 to {most} are read.": "Il a {channels} canaux ; 1 à {most} sont acceptés.",
    "Its samples hold NaN or infinity.": "Ses échantillons contiennent NaN ou l’infini.",
    "It is silent.": "Il est silencieux.",
    "{what}; at most {seconds} s are read.": "{what} ; {seconds} s au maximum sont lues.",
    "It says that it lasts {declared} s": "Il annonce {declared} s",
    "It goes on": "Il dure plus longtemps",
    "It has too many tags, or is made of too many parts.": "Il a trop d'étiquettes, ou est fait de trop de parties.",
    "It cannot be read as {format}: it is damaged, or something else.": (
        "Impossible de le lire comme {format} : il est endommagé, ou c’est autre chose."
    ),
    "Its index is damaged, or of a kind that is not read.": (
        "Son index est endommagé, ou d’un type non pris en charge."
    ),
    # Recipes
    "It does not say how it was made: it has no recipe.": (
        "Il ne dit pas comment il a été fait : il n’a pas de recette."
    ),
    "Its recipe does not fit this service. {sentence}": "Sa recette ne convient pas à ce service. {sentence}",
    "The recipe is {length} characters long; at most {most} are read.": (
        "La recette fait {length} caractères ; {most} au maximum sont lus."
    ),
    "The recipe is not valid JSON.": "La recette n’est pas du JSON valide.",
    "The recipe is not a JSON object with its version in `recipe`.": (
        "La recette n’est pas un objet JSON avec sa version dans `recipe`."
    ),
    "The recipe has version {version}; this service reads version {ours}.": (
        "La recette est de version {version} ; ce service lit la version {ours}."
    ),
    "The recipe's `version` is not a short text.": "Le champ `version` de la recette n’est pas un texte court.",
    "The recipe's `request` is not a JSON object of up to {most} fields.": (
        "Le champ `request` de la recette n’est pas un objet JSON de {most} champs au maximum."
    ),
    "The recipe's `codes` are not a JSON object.": "Le champ `codes` de la recette n’est pas un objet JSON.",
    "The codes' `codec` is not a short text.": "Le champ `codec` des codes n’est pas un texte court.",
    "The codes' `frame_rate` is not a number above 0 and up to 1000.": (
        "Le champ `frame_rate` des codes n’est pas un nombre supérieur à 0 et d’au plus 1000."
    ),
    "The codes' `cardinality` is not an integer from 2 to 65536.": (
        "Le champ `cardinality` des codes n’est pas un entier de 2 à 65536."
    ),
    "The codes go up to {highest}; `cardinality` says {cardinality}.": (
        "Les codes vont jusqu’à {highest} ; `cardinality` annonce {cardinality}."
    ),
    "The codes' `shape` is not two positive integers: codebooks and frames.": (
        "Le champ `shape` des codes n’est pas deux entiers positifs : dictionnaires et trames."
    ),
    "The codes are {codebooks} x {frames}; at most {most} are read.": (
        "Les codes sont {codebooks} x {frames} ; {most} au maximum sont lus."
    ),
    "{codebooks} codebooks and {frames} frames": "{codebooks} dictionnaires et {frames} trames",
    "The codes' `data` does not have the length that `shape` and `cardinality` ask for.": (
        "Le champ `data` des codes n’a pas la longueur qu’exigent `shape` et `cardinality`."
    ),
    "The codes' `data` is not base64.": "Le champ `data` des codes n’est pas du base64.",
    "The codes are damaged: their checksum is another one.": (
        "Les codes sont endommagés : leur somme de contrôle diffère."
    ),
}
