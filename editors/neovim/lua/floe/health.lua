--- `:checkhealth floe`

local M = {}

-- Neovim before 0.10 has other names, and 0.7 another place for them.
local reports = vim.health or require('health')
local health = {
  start = reports.start or reports.report_start,
  ok = reports.ok or reports.report_ok,
  warn = reports.warn or reports.report_warn,
  error = reports.error or reports.report_error,
}

function M.check()
  local floe = require('floe')
  health.start('floe')

  if vim.fn.has('nvim-0.11') == 1 then
    health.ok('Neovim has vim.lsp.config')
  elseif vim.fn.has('nvim-0.8') == 1 then
    health.ok('Neovim has vim.lsp.start')
  elseif vim.fn.has('nvim-0.7') == 1 then
    health.ok('Neovim has vim.lsp.start_client')
  else
    health.error('Neovim 0.7 or later is needed')
    return
  end

  local program = floe.program()
  if vim.fn.executable(program) == 0 then
    health.error("'" .. program .. "' is not executable", {
      'Put floe on PATH, or set `vim.g.floe = { cmd = { "/path/to/floe", "lsp" } }`.',
    })
    return
  end
  local version = floe.run({ '--version' })[1]
  if version and vim.startswith(version, 'floe ') then
    health.ok(version .. ' (' .. vim.fn.exepath(program) .. ')')
  else
    health.error("'" .. program .. " --version' answered: " .. tostring(version))
  end

  local client = floe.client()
  if client then
    health.ok('the server runs for ' .. tostring(client.config.root_dir or client.root_dir))
  else
    health.warn('the server does not run', { 'Open a .nix file first.' })
  end
end

return M
