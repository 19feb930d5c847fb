/** What shells run to complete words: each asks the program itself. Pure. */

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** `bin` is the name of the program that is completed. */
export function completionScript(shell: Shell, bin: string): string {
  const name = `_${bin.replaceAll(/\W/g, '_')}_complete`
  return {bash: bashScript, fish: fishScript, zsh: zshScript}[shell](bin, name)
}

function bashScript(bin: string, name: string): string {
  return `${name}() {
  local line=\${COMP_LINE:0:COMP_POINT} candidate current words
  current=\${line##*[[:space:]]}
  read -ra words <<< "$line"
  [[ -z $current ]] && words+=('')
  # bash breaks words at these too, and replaces what is behind the last of them.
  local before=\${current%"\${current##*[@:=]}"}
  COMPREPLY=()
  while IFS= read -r candidate; do
    [[ -n $candidate ]] && COMPREPLY+=("\${candidate#"$before"}")
  done < <("\${words[0]}" complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F ${name} ${bin}`
}

function zshScript(bin: string, name: string): string {
  return `${name}() {
  local -a candidates
  candidates=("\${(@f)$("\${words[1]}" complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${candidates[1]}" ]]; then compadd -- "\${candidates[@]}"; else _files; fi
}
compdef ${name} ${bin}`
}

function fishScript(bin: string): string {
  return `complete -c ${bin} -a '(${bin} complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'`
}
