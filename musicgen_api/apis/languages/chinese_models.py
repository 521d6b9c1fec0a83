"""What is said of models' files, in simplified Chinese, by the English template."""

from typing import Final

CHINESE_MODELS: Final = {
    # What surrounds a reason
    "{model} could not be loaded: {sentence}": "无法加载 {model}：{sentence}",
    "in {folder}, {sentence}.": "在 {folder} 中，{sentence}。",
    "{file} of {repository}": "{repository} 的 {file}",
    # The hub
    "The hub does not have {what}.": "hub 上没有 {what}。",
    "The hub does not have {what}, or shows it only to a token (HF_TOKEN), which is not set.": (
        "hub 上没有 {what}，或只对令牌（HF_TOKEN）可见，而令牌未设置。"
    ),
    "{what} is not downloaded yet, and HF_HUB_OFFLINE switches the hub off.": (
        "{what} 尚未下载，而 HF_HUB_OFFLINE 关闭了 hub。"
    ),
    "{what} is not downloaded yet, and the hub cannot be asked: {why}.": "{what} 尚未下载，且无法访问 hub：{why}。",
    "{what} is not downloaded yet, and the hub is switched off or cannot be reached.": (
        "{what} 尚未下载，且 hub 已关闭或无法连接。"
    ),
    "{what} is not downloaded yet, and HF_ENDPOINT is not an address such as https://hub.": (
        "{what} 尚未下载，且 HF_ENDPOINT 不是 https://hub 这样的地址。"
    ),
    (
        "{what} is not downloaded yet, and what answers in the hub's place is something else: HF_ENDPOINT must "
        "be the address of a hub, and the network may ask for a login."
    ): "{what} 尚未下载，且应答的不是 hub：HF_ENDPOINT 必须是 hub 的地址，网络也可能要求登录。",
    (
        "{what} is not downloaded yet, and the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names does not "
        "let requests through to the hub; its address or its password may be wrong."
    ): (
        "{what} 尚未下载，且 HTTPS_PROXY、HTTP_PROXY 或 ALL_PROXY 指定的代理不放行到 hub 的请求；其地址或密码可能有误。"
    ),
    "{what} cannot be asked for: HF_TOKEN holds a character that no token has.": (
        "无法请求 {what}：HF_TOKEN 含有令牌不会有的字符。"
    ),
    "it does not answer in time": "未及时应答",
    "it does not answer in time ({variables} is set: perhaps the proxy cannot)": (
        "未及时应答（已设置 {variables}：也许是代理的问题）"
    ),
    "it cannot be reached": "无法连接",
    "it cannot be reached ({variables} is set: perhaps the proxy cannot)": (
        "无法连接（已设置 {variables}：也许是代理的问题）"
    ),
    (
        "its certificate is not trusted; where a proxy reads along, SSL_CERT_FILE must name a file with the "
        "proxy's certificate"
    ): "其证书不受信任；如果代理解密流量，SSL_CERT_FILE 必须指向含有代理证书的文件",
    "SSL_CERT_FILE or SSL_CERT_DIR names certificates that cannot be read ({why})": (
        "SSL_CERT_FILE 或 SSL_CERT_DIR 指定的证书无法读取（{why}）"
    ),
    (
        "{variable} cannot be used: a proxy's address begins with http://, https://, socks5:// or socks5h://, "
        "and not with {scheme}://"
    ): "{variable} 无法使用：代理地址以 http://、https://、socks5:// 或 socks5h:// 开头，而不是 {scheme}://",
    "{variable} cannot be used: it must be an address such as http://proxy:3128": (
        "{variable} 无法使用：必须是 http://proxy:3128 这样的地址"
    ),
    "The download of {what} broke off ({kind}). Try again.": "{what} 的下载中断（{kind}）。请重试。",
    "The hub {why}. Try again for {what} in {seconds} s.": "hub {why}。请在 {seconds} 秒后再请求 {what}。",
    "limits how often it is asked; a token (HF_TOKEN) raises the limit": "限制访问频率；令牌（HF_TOKEN）可提高上限",
    "is not available": "暂不可用",
    "The hub failed with an error of its own ({status}) for {what}. Try again later.": (
        "hub 对 {what} 返回内部错误（{status}）。请稍后重试。"
    ),
    "The hub does not accept the token in HF_TOKEN for {what}: it is wrong or has expired.": (
        "hub 不接受 HF_TOKEN 中的令牌（用于 {what}）：令牌有误或已过期。"
    ),
    (
        "The hub gives {what} only to those who have accepted its licence there; HF_TOKEN must be a token of "
        "such an account."
    ): "只有在 hub 上接受许可的人才能获得 {what}；HF_TOKEN 必须是这样的账户的令牌。",
    "The hub has closed the access to {what}.": "hub 已关闭对 {what} 的访问。",
    "The hub refuses {what} (403): {why}.": "hub 拒绝提供 {what}（403）：{why}。",
    "the token in HF_TOKEN has no right to it": "HF_TOKEN 中的令牌没有权限",
    "HF_TOKEN is not set, and may be needed": "HF_TOKEN 未设置，可能需要它",
    "The hub answered {status} for {what}.": "hub 对 {what} 的应答为 {status}。",
    "{why}; {what} could not be saved. {variable} names the place.": (
        "{why}；无法保存 {what}。位置由 {variable} 指定。"
    ),
    "The disk is full": "磁盘已满",
    "The folder of downloaded files may not be written by the user of the service": (
        "运行服务的用户无权写入下载文件夹"
    ),
    "The place of downloaded files is not a folder": "下载位置不是文件夹",
    "The disk failed ({why})": "磁盘出错（{why}）",
    # Files that are not there, or cannot be read
    "The folder of {file} does not exist.": "{file} 的文件夹不存在。",
    "{file} is missing in its folder.": "文件夹中缺少 {file}。",
    "MUSICGEN_MODELS names a file; it must name the folder that the file lies in.": (
        "MUSICGEN_MODELS 指定了文件；必须指定该文件所在的文件夹。"
    ),
    (
        "{sentence}; it holds a checkpoint of AudioCraft's training. Export it with audiocraft.utils.export: "
        "export_lm makes {model}, export_pretrained_compression_model makes {codec}."
    ): (
        "{sentence}；其中是 AudioCraft 训练的检查点。请用 audiocraft.utils.export 导出：export_lm 生成 "
        "{model}，export_pretrained_compression_model 生成 {codec}。"
    ),
    (
        "{sentence}; this is an adapter of PEFT, which holds the differences from another model. Merge the two "
        "by merge_and_unload(), then save_pretrained() makes a model that can be loaded."
    ): (
        "{sentence}；这是 PEFT 适配器，只含与另一模型的差异。请用 merge_and_unload() 合并两者，再用 "
        "save_pretrained() 生成可加载的模型。"
    ),
    (
        "{sentence}; this is a model in transformers' format of a kind that is not supported (config.json says "
        "{kind}). It needs AudioCraft's {model} and {codec}, as facebook/musicgen-small has them."
    ): (
        "{sentence}；这是 transformers 格式的模型，其类型不受支持（config.json 中为 {kind}）。需要 AudioCraft 的 "
        "{model} 和 {codec}，如 facebook/musicgen-small 所有。"
    ),
    "config.json is missing.": "缺少 config.json。",
    "model.safetensors is missing.": "缺少 model.safetensors。",
    "its tokenizer ({names}) is missing.": "缺少其分词器（{names}）。",
    (
        "Its tokenizer ({names}) is missing. It is that of its text encoder: save transformers' AutoProcessor "
        "beside the model."
    ): "缺少其分词器（{names}）。它属于文本编码器：请把 transformers 的 AutoProcessor 保存在模型旁边。",
    "tokenizer.json or spiece.model": "tokenizer.json 或 spiece.model",
    "{what} may not be read by the user of the service. {place}.": "运行服务的用户无权读取：{what}。{place}。",
    "{variable} names the place": "位置由 {variable} 指定",
    "It belongs to the service's own installation": "它属于服务自身的安装",
    "{what} is a folder, and must be a file.": "{what} 是文件夹，必须是文件。",
    "{what} could not be read: {why}.": "无法读取 {what}：{why}。",
    "The folder {name}": "文件夹 {name}",
    "Its folder": "其文件夹",
    # Files that are something else
    "{file} is empty (0 bytes); download or copy it again.": "{file} 为空（0 字节）；请重新下载或复制。",
    "{file} is a Git LFS pointer, not the file itself; `git lfs pull` fetches the file.": (
        "{file} 是 Git LFS 指针，不是文件本身；用 `git lfs pull` 获取文件。"
    ),
    "{file} is a web page, saved in place of the file; download the file again.": (
        "{file} 是网页，被存成了该文件；请重新下载文件。"
    ),
    "{file} is an archive; unpack it.": "{file} 是压缩包；请解压。",
    "{file} begins with zeros, as a download leaves it that broke off; download it again.": (
        "{file} 以零开头，像是下载中断留下的；请重新下载。"
    ),
    "{file} is a zip archive of something else; unpack it.": "{file} 是其他内容的 zip 压缩包；请解压。",
    "{file} is cut off: its end, where the list of its contents belongs, is missing; download it again.": (
        "{file} 不完整：缺少结尾的内容目录；请重新下载。"
    ),
    "{file} is cut off or broken ({why}); download it again.": "{file} 不完整或已损坏（{why}）；请重新下载。",
    "{file} is broken inside ({why}); download it again.": "{file} 内部已损坏（{why}）；请重新下载。",
    "{file} is broken inside; download or copy it again.": "{file} 内部已损坏；请重新下载或复制。",
    "{file} is broken inside or cut off; download or copy it again.": "{file} 内部已损坏或不完整；请重新下载或复制。",
    "{file} is not valid JSON ({why}).": "{file} 不是有效的 JSON（{why}）。",
    "{file} must hold a JSON object, and holds a {kind}.": "{file} 必须含有 JSON 对象，实际为 {kind}。",
    "{file} is in {format}; it must be in {right}.": "{file} 的格式：{format}；应为：{right}。",
    "{file} is in {format}; it must be a file that AudioCraft exported, in torch's format.": (
        "{file} 的格式：{format}；必须是 AudioCraft 导出的 torch 格式文件。"
    ),
    "torch's format": "torch 格式",
    "torch's old format": "旧版 torch 格式",
    "safetensors' format": "safetensors 格式",
    "no format that is known here": "未知格式",
    "{file} holds a {kind}; it must hold a dictionary.": "{file} 含有 {kind}；必须含有字典。",
    "{file} holds Python objects besides weights and texts, which are not loaded because they could run code.": (
        "{file} 除权重和文本外还含有 Python 对象；它们可能运行代码，因此不予加载。"
    ),
    "{file} is something else: {what}.": "{file} 是其他文件：{what}。",
    "a checkpoint of PyTorch Lightning; AudioCraft's files are made by its own export": (
        "PyTorch Lightning 的检查点；AudioCraft 的文件由它自己导出"
    ),
    (
        "a checkpoint of AudioCraft's training (Dora); export it with audiocraft.utils.export (export_lm for "
        "state_dict.bin, export_encodec for compression_state_dict.bin)"
    ): (
        "AudioCraft 训练的检查点（Dora）；请用 audiocraft.utils.export 导出（export_lm 用于 "
        "state_dict.bin，export_encodec 用于 compression_state_dict.bin）"
    ),
    "the file of MultiBand Diffusion, whose place is MUSICGEN_MBD": (
        "MultiBand Diffusion 的文件，应由 MUSICGEN_MBD 指定"
    ),
    # Packages that AudioCraft exported
    "{model} only names a codec; it and {codec} may be exchanged.": (
        "{model} 只写了编解码器的名称；它可能与 {codec} 弄反了。"
    ),
    "{file} holds a codec; it and compression_state_dict.bin may be exchanged.": (
        "{file} 含有编解码器；它可能与 compression_state_dict.bin 弄反了。"
    ),
    "{file} holds a language model; it and state_dict.bin may be exchanged.": (
        "{file} 含有语言模型；它可能与 state_dict.bin 弄反了。"
    ),
    "Its codec is {codec}, which is not supported; a MusicGen's codec is an EnCodec.": (
        "其编解码器 {codec} 不受支持；MusicGen 的编解码器是 EnCodec。"
    ),
    "{file} points at {other}, which points at {third} in its turn.": "{file} 指向 {other}，后者又指向 {third}。",
    "{file} has no {key}; {what}.": "{file} 没有 {key}；{what}。",
    "{file}: 'pretrained' must be the name of a codec, and is a {kind}.": (
        "{file}：'pretrained' 必须是编解码器的名称，实际为 {kind}。"
    ),
    "{file}: 'best_state' must hold the weights by their names; {what}.": (
        "{file}：'best_state' 必须按名称存放权重；{what}。"
    ),
    "{file}: {name} in 'best_state' must be a tensor, and is {kind}.": (
        "{file}：'best_state' 中的 {name} 必须是张量，实际为：{kind}。"
    ),
    "{file}: 'xp.cfg' must be a text in YAML, and is {kind}.": "{file}：'xp.cfg' 必须是 YAML 文本，实际为：{kind}。",
    "{file}: 'xp.cfg' is not valid YAML.": "{file}：'xp.cfg' 不是有效的 YAML。",
    "{file}: 'xp.cfg' is not valid YAML (line {line}).": "{file}：'xp.cfg' 不是有效的 YAML（第 {line} 行）。",
    "{file}: 'xp.cfg' holds no configuration.": "{file}：'xp.cfg' 不含配置。",
    "it holds bare weights without AudioCraft's configuration; export the model with audiocraft.utils.export": (
        "只有权重，没有 AudioCraft 的配置；请用 audiocraft.utils.export 导出模型"
    ),
    "it is {what}": "实际为：{what}",
    "it has {what}": "其中有 {what}",
    "a {kind}": "{kind} 类型",
    "empty": "空",
    "nothing": "空内容",
    # Configurations
    "{file}: {key} is {value}; it must be {right}.": "{file}：{key} 的值：{value}；应为：{right}。",
    "{file}: {key} cannot be read.": "{file}：无法读取 {key}。",
    "{key} in 'xp.cfg'": "'xp.cfg' 中的 {key}",
    "missing": "缺失",
    "config.json: {part}.model_type is {value}; it must be {right}, {why}.": (
        "config.json：{part}.model_type 为 {value}；应为 {right}，{why}。"
    ),
    "whose words MusicGen knows": "MusicGen 认识它的词",
    "as a MusicGen's codec is": "与 MusicGen 的编解码器一致",
    "transformer_lm or transformer_lm_magnet; other kinds are not supported": (
        "transformer_lm 或 transformer_lm_magnet；不支持其他类型"
    ),
    "encodec; other codecs are not supported": "encodec；不支持其他编解码器",
    "the name of a T5 text encoder": "T5 文本编码器的名称",
    "at most {seconds} s in a MAGNeT": "MAGNeT 中最多 {seconds} 秒",
    "{count} whole numbers of at least 0, one a codebook": "{count} 个不小于 0 的整数，每个码本一个",
    "a whole number of at least {least}": "不小于 {least} 的整数",
    "a number above 0": "大于 0 的数字",
    "a list of whole numbers of at least {least}": "由不小于 {least} 的整数组成的列表",
    "a multiple of {divisor}, which is {unit}": "{divisor}（{unit}）的倍数",
    "{value}, as every MAGNeT has it": "{value}，所有 MAGNeT 都如此",
    "{size}, as {what} shows": "{size}（依据：{what}）",
    "{size}, as {what} in {file} shows": "{size}（依据：{file} 中{what}）",
    "at most {most}, as {file} has so many tensors of it": "最多 {most}：{file} 中只有这么多张量",
    "the count of its embeddings (emb)": "其嵌入（emb）的数量",
    "the count of its transformer.layers": "其 transformer.layers 的数量",
    "the count of its embed_tokens": "其 embed_tokens 的数量",
    "the count of its layers": "其层数",
    "the height of emb.0.weight": "emb.0.weight 的高度",
    "the width of emb.0.weight": "emb.0.weight 的宽度",
    "gelu or relu": "gelu 或 relu",
    "null, as MusicGen has it": "null，与 MusicGen 一致",
    "{count}, the tones of an octave": "{count}，即一个八度的音数",
    "null: a MusicGen's codec takes the whole piece": "null：MusicGen 的编解码器处理整首音乐",
    "1; a stereo MusicGen decodes left and right apart": "1；立体声 MusicGen 分别解码左右声道",
    # Parts that do not fit
    "{what} cannot be built.": "无法构建：{what}。",
    "{what} cannot be built: {key} in its configuration is missing or not what it must be.": (
        "无法构建：{what}；其配置中的 {key} 缺失或不正确。"
    ),
    "The codec in {place}": "{place} 中的编解码器",
    "The text encoder in {place}": "{place} 中的文本编码器",
    "The tokenizer in {place}": "{place} 中的分词器",
    "The tokenizer": "分词器",
    "The language model in {place}": "{place} 中的语言模型",
    "The model from {files}": "由 {files} 组成的模型",
    "decoder and audio_encoder in config.json": "config.json 中的 decoder 和 audio_encoder",
    "state_dict.bin and compression_state_dict.bin": "state_dict.bin 和 compression_state_dict.bin",
    "{files} do not belong together: the one is for audio at {one} Hz, the other at {other} Hz.": (
        "{files} 不配套：前者用于 {one} Hz 的音频，后者用于 {other} Hz。"
    ),
    (
        "{files} do not belong together: the one writes {codebooks} codebooks of {entries} entries, the other "
        "reads {others} of {other_entries}."
    ): (
        "{files} 不配套：前者写出 {codebooks} 个各 {entries} 项的码本，后者读取 {others} 个各 {other_entries} "
        "项的码本。"
    ),
    "its weights and its 'xp.cfg' belong to different models": "其权重与 'xp.cfg' 属于不同的模型",
    "{file} lacks the tensor {name} {shape}; {why}.": "{file} 缺少张量 {name} {shape}；{why}。",
    "{file} lacks the tensor {name} {shape}, which config.json asks for.": (
        "{file} 缺少 config.json 要求的张量 {name} {shape}。"
    ),
    "{file} lacks the tensor {name}, which {index} says it holds.": "{file} 缺少张量 {name}，而 {index} 说其中有它。",
    "{where} lacks the tensor {name}.": "{where}：缺少张量 {name}。",
    "{where} has a wrong shape in {name}.": "{where}：张量 {name} 的形状不正确。",
    "{file}: the tensor {name} is {shape}, and must be {right} by the configuration; {why}.": (
        "{file}：张量 {name} 为 {shape}，按配置应为 {right}；{why}。"
    ),
    "{file}: the tensor {name} is {shape}, and must be {right} by config.json.": (
        "{file}：张量 {name} 为 {shape}，按 config.json 应为 {right}。"
    ),
    "{file} has a tensor too many, {name}; {why}.": "{file} 多出张量 {name}；{why}。",
    "{file} has a tensor too many, {name}: {config} does not ask for it.": (
        "{file} 多出张量 {name}：{config} 没有要求它。"
    ),
    "{where}: the tensor {name} holds weights that are not finite numbers (NaN, infinity).": (
        "{where}：张量 {name} 含有非有限数值的权重（NaN、无穷大）。"
    ),
    "{file}: {name} must be a tensor, and is a {kind}; transformers saves the weights alone, by their names.": (
        "{file}：{name} 必须是张量，实际为 {kind}；transformers 只按名称保存权重。"
    ),
    "{file} has no 'weight_map', which must name the file of each tensor.": (
        "{file} 没有 'weight_map'，它必须写明每个张量所在的文件。"
    ),
    "{file}: {name} in 'weight_map' must be the name of a file beside it.": (
        "{file}：'weight_map' 中的 {name} 必须是同一文件夹中的文件名。"
    ),
    # What the engine does not do
    "The engine cannot run this model: {why}. With MUSICGEN_ENGINE=auto AudioCraft does.": (
        "引擎无法运行此模型：{why}。设置 MUSICGEN_ENGINE=auto 后由 AudioCraft 运行。"
    ),
    "it decides all frames at once (MAGNeT)": "它一次决定所有帧（MAGNeT）",
    "its codebook pattern is not a plain delay": "其码本模式不是普通延迟",
    "conditions are added to its input": "其输入叠加了条件",
    "it normalises after its layers": "它在各层之后归一化",
    "its activation is not GELU": "其激活函数不是 GELU",
    "its layers are scaled": "其各层有缩放",
    "it normalises queries and keys": "它对查询和键做归一化",
    "it repeats keys and values": "它重复键和值",
    "it decays rotations (xPos)": "它衰减旋转（xPos）",
    "it limits or rotates memory-efficient attention": "它限制或旋转节省内存的注意力",
}
