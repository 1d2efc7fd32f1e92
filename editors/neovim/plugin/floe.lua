-- Starts Floe for Nix files, unless `vim.g.floe = { autostart = false }` says otherwise.
if vim.g.loaded_floe then
  return
end
vim.g.loaded_floe = true

require('floe').register()
