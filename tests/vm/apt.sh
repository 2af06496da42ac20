# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Packages of Debian for the scripts beside this one: fetched and unpacked, never
# installed. They come from the mirror that this machine's apt is told to use;
# apt verifies them as it does its own.
#
#	. tests/vm/apt.sh
#	open_apt DIR ARCH [RELEASE]	an apt of its own in DIR, in the words of $apt
#	apt-get $apt ...

# Of the files that apt has of Debian, the first that is neither updates nor security: RELEASE MIRROR.
mirror_of_apt()
{
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI) $(CODENAME)' \
		'Created-By: Packages' 'Origin: Debian' 'Label: Debian' |
		awk '$1 !~ /-/ && $2 == "main" { print $4, $3; exit }'
}

# The release is that of this machine, unless another is given.
open_apt()
{
	local dir=$1 arch=$2 release mirror keys=/usr/share/keyrings/debian-archive-keyring.gpg

	read -r release mirror < <(mirror_of_apt) || {
		echo "apt has no Debian mirror: see /etc/apt" >&2
		return 1
	}
	mkdir -p "$dir"/lists/partial "$dir"/archives/partial
	: > "$dir/status" # nothing is installed
	echo "deb [arch=$arch signed-by=$keys] $mirror ${3:-$release} main" > "$dir/sources"
	apt="-qq -o Dir::Etc::sourcelist=$dir/sources -o Dir::Etc::sourceparts=/dev/null
		-o Dir::State::lists=$dir/lists -o Dir::State::status=$dir/status
		-o Dir::Cache=$dir -o Dir::Cache::archives=$dir/archives
		-o APT::Architecture=$arch -o APT::Architectures=$arch
		-o APT::Update::Post-Invoke-Success= -o APT::Sandbox::User=root"
	# shellcheck disable=SC2086 # words
	apt-get $apt update
}
