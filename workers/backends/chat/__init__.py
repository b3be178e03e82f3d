"""Large multimodal models behind an OpenAI-compatible endpoint: vLLM, SGLang, …"""
