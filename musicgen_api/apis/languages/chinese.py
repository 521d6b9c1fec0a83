"""The service's sentences in simplified Chinese, by the English template."""

from typing import Final

CHINESE: Final = {
    # How errors about fields are put together
    "Invalid request. {reasons}": "请求无效。{reasons}",
    ": ": "：",
    "; ": "；",
    # Fields of a request
    "Missing data for required field.": "此字段为必填项。",
    "Unknown field.": "未知字段。",
    "Field may not be null.": "不能为 null。",
    "Invalid input type.": "必须是 JSON 对象。",
    "Invalid type.": "必须是 JSON 对象。",
    "Not a valid list.": "必须是列表。",
    "Must be greater than or equal to {min}.": "必须大于或等于 {min}。",
    "Must be greater than {min}.": "必须大于 {min}。",
    "Must be greater than or equal to {min} and less than or equal to {max}.": "必须在 {min} 到 {max} 之间。",
    "Longer than maximum length {max}.": "过长：最多 {max} 个字符。",
    "Length must be between {min} and {max}.": "必须有 {min} 到 {max} 项。",
    "Must be one of {names}.": "必须是以下之一：{names}。",
    "Must be an integer.": "必须是整数。",
    "Must be a number.": "必须是数字。",
    "Must have no number that is too large for a float.": "不能包含超出浮点数范围的数字。",
    "Must be a finite number.": "必须是有限的数字。",
    "Must be true or false.": "必须是 true 或 false。",
    "Must be text.": "必须是文本。",
    "Must not be blank.": "不能为空白。",
    "Must be valid Unicode: it holds half of a surrogate pair.": "必须是有效的 Unicode：其中有半个代理对。",
    "Must not be null: leave the field out to get its default.": "不能为 null：要用默认值，请省略此字段。",
    "Must be given once.": "只能给出一次。",
    "Must be text in UTF-8, not a file.": "必须是 UTF-8 文本，不能是文件。",
    "Must be a file: a part of multipart/form-data with a file name, or in JSON a data: URL in base64.": (
        "必须是文件：multipart/form-data 中带文件名的部分，或在 JSON 中为 base64 的 data: URL。"
    ),
    "Must be a data: URL in base64, data:audio/wav;base64,... What follows the comma is not base64.": (
        "必须是 base64 的 data: URL，例如 data:audio/wav;base64,... 逗号之后的内容不是 base64。"
    ),
    "Unknown model. Known: {models}.": "未知模型。已知模型：{models}。",
    "{model} cannot follow a melody. These can: {others}.": "{model} 不能跟随旋律。以下模型可以：{others}。",
    "{model} cannot follow a melody; {other}.": "{model} 不能跟随旋律；{other}。",
    "facebook/musicgen-melody is one that does": "facebook/musicgen-melody 可以",
    "Must be longer than what is kept of continuation, {kept} s: it is the whole result.": (
        "必须长于 continuation 保留的部分（{kept} 秒）：它是整个结果的时长。"
    ),
    "Must be within the file, which lasts {length} s.": "必须在文件之内，文件时长为 {length} 秒。",
    "Must be at least {least} s before the end of what is kept, {end} s.": (
        "必须比保留部分的结尾（{end} 秒）至少早 {least} 秒。"
    ),
    "Needs continuation: the music to go on from.": "需要 continuation：要续写的音乐。",
    "Must be left out where sections are given.": "给出 sections 时必须省略。",
    "In all {seconds} seconds. {sentence}": "总计 {seconds} 秒。{sentence}",
    "The fades must fit into the duration of {seconds} seconds.": "淡入淡出必须在 {seconds} 秒的时长之内。",
    "Must be left out of a loop: its ends meet.": "循环音乐必须省略：它的首尾相接。",
    "Must be without loop: a loop's beginning is made of its end.": "不能与 loop 同用：循环的开头由其结尾制成。",
    "Must be one take: sound that is sent while it is made is one piece.": (
        "只能有一个版本：边制作边发送的声音只能是一首。"
    ),
    "Must be without mbd: diffusion needs the whole piece.": "不能与 mbd 同用：扩散需要整首音乐。",
    "Must be left out: this model makes a piece from one description.": "必须省略：此模型只根据一段描述制作音乐。",
    "Must be left out: this model cannot go on from other music.": "必须省略：此模型不能续写其他音乐。",
    "Must be left out: this model cannot follow a melody.": "必须省略：此模型不能跟随旋律。",
    "Must be false: a loop is made of more music than it lasts, and this model makes pieces of one length.": (
        "必须为 false：制作循环需要比其时长更多的音乐，而此模型的音乐长度固定。"
    ),
    "Must be false: this model decides the whole piece at once, so nothing can be heard before its end.": (
        "必须为 false：此模型一次决定整首音乐，结束前什么也听不到。"
    ),
    "Must be {duration}: every piece of this model lasts {seconds} seconds.": (
        "必须为 {duration}：此模型的每首音乐都是 {seconds} 秒。"
    ),
    "Must be {shortest} to {longest}: the longest piece of this service is {seconds} s.": (
        "必须在 {shortest} 到 {longest} 之间：本服务的音乐最长 {seconds} 秒。"
    ),
    "Must be left out where a composition_plan is given.": "给出 composition_plan 时必须省略。",
    "Must be given where there is no composition_plan.": "没有 composition_plan 时必须给出。",
    "Must have sections or chunks.": "必须有 sections 或 chunks。",
    "Must have at most {most} parts.": "最多 {most} 个部分。",
    "Each part must have a positive style.": "每个部分都必须有一个正向风格。",
    "The styles of a part must have at most {most} characters together.": (
        "一个部分的所有风格合计最多 {most} 个字符。"
    ),
    "The longest piece of this service is {most} s.": "本服务的音乐最长 {most} 秒。",
    "The service makes music without vocals and cannot sing. Leave the lyrics out.": (
        "本服务制作无人声的音乐，不会唱歌。请去掉歌词。"
    ),
    (
        "The service makes music without vocals and cannot sing. Leave the lyrics out. A [name] and directions "
        "in curly brackets may stay."
    ): "本服务制作无人声的音乐，不会唱歌。请去掉歌词。可以保留 [名称] 和花括号中的说明。",
    # The body of a request
    "The body must be a JSON object.": "请求体必须是 JSON 对象。",
    "The part `request` must be a JSON object.": "`request` 部分必须是 JSON 对象。",
    "The body must be JSON, sent with the header Content-Type: application/json.": (
        "请求体必须是 JSON，并带有标头 Content-Type: application/json。"
    ),
    "The body must be application/json, or multipart/form-data with its boundary.": (
        "请求体必须是 application/json，或带有 boundary 的 multipart/form-data。"
    ),
    "The body is not valid multipart/form-data.": "请求体不是有效的 multipart/form-data。",
    "The body must not be compressed: send it without the header Content-Encoding.": (
        "请求体不能压缩：请不要带标头 Content-Encoding。"
    ),
    "The request body is larger than the service accepts.": "请求体超过了服务接受的大小。",
    "The body is not valid JSON ({why}).": "请求体不是有效的 JSON（{why}）。",
    "it is nested too deeply": "嵌套过深",
    "it is not UTF-8": "不是 UTF-8",
    "{name} is not JSON": "{name} 不是 JSON",
    "{what}, line {line}, column {column}": "{what}，第 {line} 行第 {column} 列",
    "{what}: line {line} column {column} (char {char})": "{what}：第 {line} 行第 {column} 列（第 {char} 个字符）",
    "Expecting value": "此处应有一个值",
    "Expecting ',' delimiter": "此处应有“,”",
    "Expecting ':' delimiter": "此处应有“:”",
    "Expecting property name enclosed in double quotes": "此处应有用双引号括起的名称",
    "Extra data": "多余的数据",
    "Unterminated string starting at": "未结束的字符串，开始于",
    "Invalid control character at": "非法控制字符，位于",
    "Invalid \\escape": "无效的 \\ 转义",
    "Invalid \\uXXXX escape": "无效的 \\uXXXX 转义",
    "Unexpected UTF-8 BOM (decode using utf-8-sig)": "意外的 UTF-8 BOM",
    "Exceeds the limit ({most} digits) for integer string conversion: value has {digits} digits": (
        "整数有 {digits} 位，最多 {most} 位"
    ),
    # HTTP
    "The browser (or proxy) sent a request that this server could not understand.": (
        "浏览器（或代理）发送了服务器无法理解的请求。"
    ),
    (
        "The requested URL was not found on the server. If you entered the URL manually please check your "
        "spelling and try again."
    ): "服务器上没有此地址。如果是手动输入的，请检查拼写后重试。",
    "The method is not allowed for the requested URL.": "此地址不允许使用该方法。",
    "The server does not support the media type transmitted in the request.": "服务器不支持请求的内容类型。",
    "The server cannot provide the requested range.": "服务器无法提供所请求的范围。",
    "The address is another one: it stands in the header Location.": "地址已变更：新地址在标头 Location 中。",
    (
        "This service does not answer to the name {name}. If that is a name of it, add it, without the port, to "
        "the setting MUSICGEN_HOSTS."
    ): "本服务不以名称 {name} 应答。如果这是它的名称，请将其（不带端口）加入设置 MUSICGEN_HOSTS。",
    (
        "A web page of {origin} may not use this service. If it is a page of yours, add its origin to the "
        "setting MUSICGEN_CORS_ORIGINS."
    ): "来自 {origin} 的网页不能使用本服务。如果这是您的网页，请将其来源加入设置 MUSICGEN_CORS_ORIGINS。",
    "another site": "其他网站",
    "{why}. Send one as Authorization: Bearer <key> or as xi-api-key: <key>.": (
        "{why}。请用 Authorization: Bearer <密钥> 或 xi-api-key: <密钥> 发送密钥。"
    ),
    "The API key is not one of this service's": "此 API 密钥不属于本服务",
    "This service needs an API key": "本服务需要 API 密钥",
    # Try again later
    "busy: {why}. Try again in {seconds} s.": "繁忙：{why}。请在 {seconds} 秒后重试。",
    "the default model is being loaded": "正在加载默认模型",
    "one piece of music is generated at a time": "一次只能生成一首音乐",
    "{why}, and {waiting} requests wait for their turn": "{why}，另有 {waiting} 个请求在排队",
    "The service has too many clients at the moment. Try again in a few seconds.": (
        "服务目前的客户端过多。请几秒后重试。"
    ),
    "The service is shutting down. Try again shortly.": "服务正在关闭。请稍后重试。",
    # How a job ends
    "The client closed the connection.": "客户端已断开连接。",
    "The job was cancelled.": "任务已取消。",
    "The job ended without a result.": "任务结束，没有结果。",
    "The download was stopped.": "下载已停止。",
    "The music was not read as fast as it was made; the job was stopped.": (
        "读取音乐的速度跟不上制作的速度；任务已停止。"
    ),
    "An internal error occurred; the server's log has the details under the id.": (
        "发生内部错误；详情见服务器日志中的该 id。"
    ),
    "{what} failed ({kind}); the server's log has the details under {id}.": (
        "{what}失败（{kind}）；详情见服务器日志中的 {id}。"
    ),
    "Loading the default model": "加载默认模型",
    "Starting the synthesizer": "启动合成器",
    "Generating with {model}": "用 {model} 生成音乐",
    "The model made no audio with these parameters: it holds NaN or infinity.": (
        "使用这些参数，模型没有产生声音：结果含有 NaN 或无穷大。"
    ),
    "Out of memory while {doing}. Ask for less music or a smaller model.": (
        "内存不足（{doing}）。请减少音乐时长或换用较小的模型。"
    ),
    "The device failed while {doing}; the service is restarting.": "设备故障（{doing}）；服务正在重启。",
    "loading {model}": "正在加载 {model}",
    "generating {seconds} s with {model}": "正在用 {model} 生成 {seconds} 秒",
    "The device was lost; the service is restarting.": "设备已丢失；服务正在重启。",
    "MUSICGEN_DEVICE is {device}, but torch finds {count} GPUs.": (
        "MUSICGEN_DEVICE 为 {device}，但 torch 找到 {count} 个 GPU。"
    ),
    "MultiBand Diffusion (mbd) was not trained for the codec of {model}.": (
        "MultiBand Diffusion（mbd）没有针对 {model} 的编解码器训练过。"
    ),
    "MultiBand Diffusion (mbd) does not fit the codec of {model}.": (
        "MultiBand Diffusion（mbd）与 {model} 的编解码器不匹配。"
    ),
    "MultiBand Diffusion (mbd) cannot be used: {sentence}": "无法使用 MultiBand Diffusion（mbd）：{sentence}",
    "{file} is damaged, or holds something else.": "{file} 已损坏，或是其他内容。",
    "Band {number} of {file}": "{file} 的第 {number} 频带",
    (
        "Demucs, for the melody, cannot be had: {sentence} With MUSICGEN_MELODY_SEPARATION=none melodies are "
        "followed without it: hummed or solo ones need none."
    ): (
        "无法获得处理旋律的 Demucs：{sentence}设置 MUSICGEN_MELODY_SEPARATION=none "
        "后不再需要它：哼唱或独奏的旋律本不需要。"
    ),
    (
        "Demucs, for the melody, cannot be used: {file} is damaged. With MUSICGEN_MELODY_SEPARATION=none "
        "melodies are followed without it: hummed or solo ones need none."
    ): (
        "无法使用处理旋律的 Demucs：{file} 已损坏。设置 MUSICGEN_MELODY_SEPARATION=none "
        "后不再需要它：哼唱或独奏的旋律本不需要。"
    ),
    # Uploads
    "It is empty.": "文件为空。",
    "It is {size} bytes long; at most {most} are read.": "文件有 {size} 字节；最多读取 {most} 字节。",
    "It is not a WAV, FLAC, MP3, Ogg, MP4 (M4A) or WebM file.": "不是 WAV、FLAC、MP3、Ogg、MP4（M4A）或 WebM 文件。",
    "It ends early: much of the sound that its header speaks of is not there.": (
        "文件不完整：其文件头声明的声音缺少很大一部分。"
    ),
    "There is no sound in it.": "其中没有声音。",
    "Its sound is coded as {codec}: that is not read.": "不支持其音频编码：{codec}。",
    "nothing known": "未知",
    "Its sample rate is {rate} Hz; {least} to {most} are read.": "采样率为 {rate} Hz；只接受 {least} 到 {most}。",
    "It takes more than {seconds} s to decode.": "解码超过 {seconds} 秒。",
    "It takes too long to read.": "读取时间过长。",
    "Much of it is damaged.": "文件大部分已损坏。",
    "It says that it lasts {declared} s, and ends after {seconds} s.": (
        "文件声明时长 {declared} 秒，却在 {seconds} 秒后结束。"
    ),
    "Its sample rate or its channels change on the way.": "采样率或声道在中途改变。",
    "It has {channels} channels; 1 to {most} are read.": "有 {channels} 个声道；只接受 1 到 {most} 个。",
    "Its samples hold NaN or infinity.": "采样中含有 NaN 或无穷大。",
    "It is silent.": "文件没有声音，全是静音。",
    "{what}; at most {seconds} s are read.": "{what}；最多读取 {seconds} 秒。",
    "It says that it lasts {declared} s": "文件声明时长 {declared} 秒",
    "It goes on": "文件更长",
    "It has too many tags, or is made of too many parts.": "标签过多，或由过多部分组成。",
    "It cannot be read as {format}: it is damaged, or something else.": (
        "无法作为 {format} 读取：文件已损坏，或是其他格式。"
    ),
    "Its index is damaged, or of a kind that is not read.": "其索引已损坏，或类型不受支持。",
    # Recipes
    "It does not say how it was made: it has no recipe.": "文件没有说明其制作方法：没有配方。",
    "Its recipe does not fit this service. {sentence}": "其配方不适用于本服务。{sentence}",
    "The recipe is {length} characters long; at most {most} are read.": (
        "配方有 {length} 个字符；最多读取 {most} 个。"
    ),
    "The recipe is not valid JSON.": "配方不是有效的 JSON。",
    "The recipe is not a JSON object with its version in `recipe`.": "配方不是在 `recipe` 中带有版本号的 JSON 对象。",
    "The recipe has version {version}; this service reads version {ours}.": (
        "配方版本为 {version}；本服务读取版本 {ours}。"
    ),
    "The recipe's `version` is not a short text.": "配方的 `version` 不是短文本。",
    "The recipe's `request` is not a JSON object of up to {most} fields.": (
        "配方的 `request` 不是最多 {most} 个字段的 JSON 对象。"
    ),
    "The recipe's `codes` are not a JSON object.": "配方的 `codes` 不是 JSON 对象。",
    "The codes' `codec` is not a short text.": "编码的 `codec` 不是短文本。",
    "The codes' `frame_rate` is not a number above 0 and up to 1000.": (
        "编码的 `frame_rate` 不是大于 0 且不超过 1000 的数字。"
    ),
    "The codes' `cardinality` is not an integer from 2 to 65536.": "编码的 `cardinality` 不是 2 到 65536 的整数。",
    "The codes go up to {highest}; `cardinality` says {cardinality}.": (
        "编码最大为 {highest}；`cardinality` 却为 {cardinality}。"
    ),
    "The codes' `shape` is not two positive integers: codebooks and frames.": (
        "编码的 `shape` 不是两个正整数：码本数和帧数。"
    ),
    "The codes are {codebooks} x {frames}; at most {most} are read.": (
        "编码为 {codebooks} x {frames}；最多读取 {most}。"
    ),
    "{codebooks} codebooks and {frames} frames": "{codebooks} 个码本、{frames} 帧",
    "The codes' `data` does not have the length that `shape` and `cardinality` ask for.": (
        "编码的 `data` 长度不符合 `shape` 和 `cardinality`。"
    ),
    "The codes' `data` is not base64.": "编码的 `data` 不是 base64。",
    "The codes are damaged: their checksum is another one.": "编码已损坏：校验和不一致。",
}
