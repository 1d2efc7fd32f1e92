-- Stories 1, 2, 4 and 5 in a real Neovim with the plugin, as a person would go through them. Prints a
-- line for each and `all stories hold` at the end. Run by tests/neovim.rs in a copy of the demo project, and
-- written so that it runs in every Neovim that the plugin is for, from 0.7 on.

local floe = require('floe')
local patience = 60000

local function check(condition, message)
  if not condition then
    error(message, 2)
  end
end

local function wait(what, condition)
  check(vim.wait(patience, condition, 20), 'waited in vain for ' .. what)
end

local function open(name)
  vim.cmd('edit ' .. name)
  check(vim.bo.filetype == 'nix', name .. ' has the file type ' .. vim.bo.filetype)
  wait('the server to attach', function()
    local client = floe.client()
    return client and vim.lsp.buf_is_attached(vim.api.nvim_get_current_buf(), client.id)
  end)
end

-- Puts the cursor at the start of the first match of a Lua pattern.
local function go_to(pattern)
  for number, line in ipairs(vim.api.nvim_buf_get_lines(0, 0, -1, false)) do
    local column = line:find(pattern)
    if column then
      vim.api.nvim_win_set_cursor(0, { number, column - 1 })
      return number
    end
  end
  error('nothing matches ' .. pattern, 2)
end

-- Asks the server about the cursor's place.
local function ask(method, parameters)
  local buffer = vim.api.nvim_get_current_buf()
  local client = floe.client(buffer)
  parameters = parameters or vim.lsp.util.make_position_params(0, client.offset_encoding)
  -- With the buffer's number Neovim sends what was typed first.
  local request = client.request_sync
  local answer, reason
  if vim.fn.has('nvim-0.11') == 1 then
    answer, reason = request(client, method, parameters, patience, buffer)
  else
    answer, reason = request(method, parameters, patience, buffer)
  end
  check(answer and not answer.err, method .. ': ' .. vim.inspect(reason or (answer or {}).err))
  return answer.result
end

-- The window that floats above the others, and its text.
local function floating()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= '' then
      local buffer = vim.api.nvim_win_get_buf(window)
      return window, table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), '\n')
    end
  end
end

local stories = {}

stories[1] = function()
  open('configuration.nix')
  local line = go_to('services%.nginx')
  vim.api.nvim_buf_set_lines(0, line - 1, line - 1, false, { '  services.openssh.' })
  -- The cursor of insert mode stands behind the last character.
  local place = {
    textDocument = { uri = vim.uri_from_bufnr(0) },
    position = { line = line - 1, character = #'  services.openssh.' },
  }
  local items
  wait('options in the completion', function()
    local list = ask('textDocument/completion', place)
    items = list and (list.items or list) or {}
    return #items > 0
  end)
  local labels = vim.tbl_map(function(item) return item.label end, items)
  for _, label in ipairs({ 'enable', 'ports', 'settings' }) do
    check(vim.tbl_contains(labels, label), label .. ' is not in ' .. vim.inspect(labels))
  end
  vim.cmd('edit!')
end

stories[2] = function()
  open('configuration.nix')
  go_to('hello$')
  vim.lsp.buf.definition()
  wait('the package to open', function()
    return vim.api.nvim_buf_get_name(0):find('/by%-name/hello/') ~= nil
  end)
  check(vim.fn.filereadable(vim.api.nvim_buf_get_name(0)) == 1, 'the package is no file')
end

stories[4] = function()
  open('broken.nix')
  local found
  wait('the diagnostic', function()
    found = vim.tbl_filter(function(one)
      return one.user_data.lsp.code == 'missing-attribute'
    end, vim.diagnostic.get(0))[1]
    return found ~= nil
  end)
  check(found.message:find("attribute 'verison' missing", 1, true), found.message)
  local line = go_to('verison')
  check(found.lnum == line - 1, 'the diagnostic is on line ' .. found.lnum + 1)
  local lsp = found.user_data.lsp
  check(#(lsp.relatedInformation or {}) > 0, 'there is no trace')
  check(lsp.codeDescription.href:find('missing-attribute', 1, true), 'there is no link')
  check(floe.slug_at_cursor() == 'missing-attribute', 'no error at the cursor')
  vim.cmd('FloeExplain')
  local shown, window
  wait('the explanation', function()
    window, shown = floating()
    return shown ~= nil
  end)
  check(shown:find('How to fix it', 1, true), shown)
  vim.api.nvim_win_close(window, true)
end

stories[5] = function()
  open('override.nix')
  go_to('overrideAttrs %(old')
  local hover
  wait('the preview in the hover', function()
    hover = ask('textDocument/hover')
    return hover and hover.contents.value:find('hello%-loud') ~= nil
  end)
  local lenses = ask('textDocument/codeLens', { textDocument = { uri = vim.uri_from_bufnr(0) } })
  check(#lenses >= 2, 'too few lenses: ' .. vim.inspect(lenses))
  local lens = ask('codeLens/resolve', lenses[1])
  floe.preview_override(lens.command)
  wait('the preview window', function()
    local _, shown = floating()
    return shown and shown:find('Moin, Welt!', 1, true) ~= nil
  end)
end

local function say(text)
  io.stdout:write(text .. '\n')
end

local failed = false
for _, number in ipairs({ 1, 2, 4, 5 }) do
  local ok, reason = xpcall(stories[number], debug.traceback)
  say(('story %d: %s'):format(number, ok and 'holds' or tostring(reason)))
  failed = failed or not ok
end
vim.cmd('checkhealth floe')
local health = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
if health:find('ERROR') or not health:find('floe %d') then
  failed = true
  say('health: ' .. health)
end
say(failed and 'a story fails' or 'all stories hold')
vim.cmd(failed and 'cquit!' or 'qall!')
