# run: once
# The Debian packages build, install on a clean Debian 12, load into nginx,
# answer a request, and leave nothing behind when they are removed.

use strict;
use warnings;

use Fcntl qw(:flock);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Carmen::Cluster;
use Carmen::Http;

my $ROOT = $Carmen::Cluster::ROOT;
my @DOMAINS = qw(auth users catalog inventory orders);
my @PACKAGES = map { "libnginx-mod-http-carmen-$_" } 'core', @DOMAINS;

plan skip_all => 'debootstrap needs root' if $> != 0;
plan skip_all => 'debootstrap is not installed'
    if !grep { -x "$_/debootstrap" } split(/:/, $ENV{PATH}), '/usr/sbin';
plan skip_all => 'not a git checkout'
    if !Carmen::Cluster::run_quietly('git', '-C', $ROOT, 'rev-parse');

sub run { return Carmen::Cluster::run(@_) }

# The machine without our packages, kept between runs: a base system with
# nginx's and our dependencies in its package cache.

my $BASE = '/var/cache/carmen-t/bookworm';

sub mirror
{
    for my $file (glob('/etc/apt/sources.list.d/*.sources'),
                  '/etc/apt/sources.list',
                  glob '/etc/apt/sources.list.d/*.list')
    {
        open my $in, '<', $file or next;
        my $text = do { local $/; <$in> };

        for my $part (split /\n\s*\n/, $text) {
            next if $part !~ /^Suites:.*\bbookworm\b/m;
            return $1 if $part =~ /^URIs:\s*(\S+)/m;
        }
        return $1 if $text =~ /^deb\s+(?:\[.*?\]\s+)?(\S+)\s+bookworm\s/m;
    }
    return;
}

sub make_base
{
    my $mirror = mirror() // return 'no mirror of Debian 12 is configured';

    run('rm', '-rf', "$BASE.new");
    run('mkdir', '-p', "$BASE.new");
    my $made = eval {
        run('debootstrap', '--variant=minbase', 'bookworm', "$BASE.new",
            $mirror);
    };
    return "debootstrap failed: $@" if !$made;

    # The mirrors, proxies and certificates of this machine.
    run('sh', '-c', <<'END', 'sh', "$BASE.new", $mirror);
rm -f "$1"/etc/apt/sources.list
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
         /etc/apt/sources.list.d/*.sources
do
    if grep -qsF "$2" "$f"; then
        cp "$f" "$1$f"
    fi
done
for f in $(grep -rlis 'proxy\|verify-\|cainfo' /etc/apt/apt.conf \
           /etc/apt/apt.conf.d)
do
    cp "$f" "$1$f"
done
for f in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
    if [ -e "$f" ]; then
        mkdir -p "$1$(dirname "$f")"
        cp -L "$f" "$1$f"
    fi
done
printf '#!/bin/sh\nexit 101\n' > "$1/usr/sbin/policy-rc.d"
chmod 755 "$1/usr/sbin/policy-rc.d"
END
    run('chroot', "$BASE.new", 'apt-get', 'update', '-qq');
    run('chroot', "$BASE.new", 'apt-get', 'install', '-y', '-qq',
        '--download-only', '--no-install-recommends', 'nginx', 'libpq5',
        'libjansson4', 'libcrypt1', 'sqitch', 'libdbd-pg-perl',
        'postgresql-client', 'perl');
    rename "$BASE.new", $BASE or die "$BASE: $!";
    return;
}

run('mkdir', '-p', '/var/cache/carmen-t');
{
    my $lock = Carmen::Cluster::lock_file('/var/cache/carmen-t/lock',
                                          LOCK_EX);
    # Old package lists lead to versions that the mirror no longer has.
    run('rm', '-rf', $BASE) if -d $BASE && -M "$BASE/var/lib/apt/lists" > 7;
    if (!-d $BASE) {
        my $why = make_base();
        plan skip_all => $why if $why;
    }
}

# Built from the commit, in a directory of its own.

my $scratch = tempdir('carmen-deb-XXXXXX', DIR => '/var/tmp', CLEANUP => 1);
my $log = eval { run("$ROOT/packaging/deb", "$scratch/deb") };
ok(defined $log, 'the packages build') or diag($@);

my @debs = glob "$scratch/deb/*.deb";
for my $package (@PACKAGES, 'libnginx-mod-http-carmen-dev', 'carmen-sql') {
    is(scalar(grep { m{/\Q$package\E_} } @debs), 1, "$package is there");
}
if (!defined $log) {
    done_testing;
    exit;
}

sub field
{
    my ($package, $field) = @_;
    my ($deb) = grep { m{/\Q$package\E_} } @debs;
    chomp(my $value = run('dpkg-deb', '-f', $deb, $field));
    return $value;
}

like(field($PACKAGES[0], 'Depends'), qr/nginx-abi-/, "nginx's ABI is named");
like(field($PACKAGES[0], 'Depends'), qr/libpq5/, 'and libpq');
for my $package (@PACKAGES[1 .. $#PACKAGES]) {
    like(field($package, 'Depends'),
         qr/libnginx-mod-http-carmen-core \(= [^)]+\).*\bcarmen-abi-\d+/,
         "$package depends on exactly this core");
}

# Installed.

my $tree = "$scratch/tree";
run('cp', '-a', '--reflink=auto', $BASE, $tree);
run('mkdir', "$tree/debs");
run('cp', @debs, "$tree/debs/");

sub chrooted { return eval { run('chroot', $tree, @_) } }

my @INSTALL = qw(env DEBIAN_FRONTEND=noninteractive apt-get -y -qq
    --no-install-recommends);
my @ours = map { m{([^/]+)$} ? "/debs/$1" : () }
    grep { !/-dev_/ } @debs;

ok(defined chrooted(@INSTALL, 'install', @ours),
   'they install on a clean machine') or diag($@);

my @enabled = map { m{([^/]+)$} } glob
    "$tree/etc/nginx/modules-enabled/*carmen*";
is("@enabled", join(' ', '10-mod-http-carmen-core.conf',
    sort map { "50-mod-http-carmen-$_.conf" } @DOMAINS),
   'the core is loaded before the domains');

ok(defined chrooted('nginx', '-t'), 'nginx -t with the modules') or diag($@);
like(chrooted('carmen-migrate', '--help') // $@, qr/^Usage:/,
     'carmen-migrate runs');
ok(-e "$tree/usr/share/carmen/sql/core/sqitch.plan", 'with its migrations');

# Serving.

my $probe = IO::Socket::INET->new(LocalHost => '127.0.0.1', Listen => 1);
my $port = $probe->sockport;
close $probe;

open my $conf, '>', "$tree/etc/nginx/carmen-test.conf" or die $!;
print $conf <<"END";
include /etc/nginx/modules-enabled/*.conf;
daemon off;
user www-data;
pid /run/carmen-test.pid;
error_log /var/log/nginx/carmen-test.log;
events { }
http {
    upstream commerce {
        server unix:/run/nowhere/.s.PGSQL.5432;
        carmen_postgres "dbname=carmen user=carmen_app";
    }
    server {
        listen 127.0.0.1:$port;
        carmen_database commerce;
        location /api/v1/ {
            carmen_catalog;
        }
        location /health/ { carmen_health; }
        location /problems/ { carmen_problems; }
    }
}
END
close $conf;

my $pid = fork // die "fork: $!";
if ($pid == 0) {
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', "$scratch/nginx.out";
    open STDERR, '>&', \*STDOUT;
    { exec 'setpriv', '--pdeathsig', 'TERM', 'chroot', $tree, 'nginx', '-c',
           '/etc/nginx/carmen-test.conf' }
    POSIX::_exit(127);
}
END {
    if ($pid) {
        local $?;
        kill 'TERM', $pid;
        waitpid $pid, 0;
    }
}

my $client = Carmen::Http->new(port => $port);
my $response;
my $deadline = time + 15;
until ($response = eval { $client->get('/health/live') }) {
    last if time > $deadline || waitpid($pid, POSIX::WNOHANG()) == $pid;
    sleep 0.05;
}
is($response && $response->status, 200, 'GET /health/live is answered')
    or diag(`cat $scratch/nginx.out $tree/var/log/nginx/carmen-test.log`);
is(eval { $client->get('/health/ready')->status }, 503,
   'and without a database it is not ready');

kill 'QUIT', $pid;
waitpid $pid, 0;
$pid = 0;

# Removed.

ok(defined chrooted(@INSTALL, 'purge', $PACKAGES[0]),
   'the core can be purged') or diag($@);
my $left = chrooted('dpkg-query', '-W', '-f',
                    '${Package} ${db:Status-Status}\n') // '';
unlike($left, qr/^libnginx-mod-http-carmen-\w+ installed/m,
       'the domains go with it');
is(join(' ', glob("$tree/etc/nginx/modules-enabled/*carmen*"),
        glob "$tree/usr/lib/nginx/modules/*carmen*"), '',
   'no module is left');
ok(defined chrooted(@INSTALL, 'purge', 'carmen-sql'), 'the SQL can be purged')
    or diag($@);
ok(!-e "$tree/usr/share/carmen", 'and is gone');
ok(defined chrooted('nginx', '-t'), 'nginx -t without them') or diag($@);

done_testing;
