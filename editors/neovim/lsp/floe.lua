-- The configuration that Neovim 0.11 and later finds by itself: `vim.lsp.enable('floe')`.
return require('floe').config()
